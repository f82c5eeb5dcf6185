import { byId } from '../dom.js';

/**
 * Everybody's sound: an element for each track, which plays whether or not its tile is shown.
 *
 * @param {import('./visit.js').Visit} visit
 */
export function mountSoundView(visit) {
  const place = byId('sounds');
  const elementsByTrack = new Map();

  visit.addEventListener('change', () => {
    const participants = visit.room?.participants ?? [];
    const tracks = participants.flatMap((participant) => [...participant.tracks.values()]).filter(({ kind }) => kind === 'audio');
    for (const [id, element] of elementsByTrack) {
      if (tracks.some((track) => track.id === id)) continue;
      visit.room?.unsubscribe(element);
      element.remove();
      elementsByTrack.delete(id);
    }
    for (const track of tracks) {
      if (!elementsByTrack.has(track.id)) elementsByTrack.set(track.id, newElement(track));
      visit.room.subscribe(track, elementsByTrack.get(track.id));
    }
  });

  function newElement(track) {
    const element = document.createElement('audio');
    element.autoplay = true;
    element.id = `audio-${track.id}`;
    element.dataset.participant = track.participant.id;
    element.dataset.source = track.source;
    place.append(element);
    return element;
  }
}
