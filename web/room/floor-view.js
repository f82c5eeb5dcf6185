import { byId, setText } from '../dom.js';
import { choose, fitting, grid, spotlight } from './floor.js';
import { Tile } from './tile.js';

/** What the large tile is worth beside an ordinary one, where the path cannot carry all. */
const LARGE_PRIORITY = 2;

/**
 * Everybody's camera and every shared screen: as a grid, or one large and the others in a strip.
 *
 * @param {import('./visit.js').Visit} visit
 */
export function mountFloorView(visit) {
  const floor = byId('floor');
  const toggle = byId('toggle-view');
  /** By key, each with its tile and what it shows. */
  const shownByKey = new Map();
  let mode = 'grid';
  /** What the user chose; a screen that is shared decides only while this is `null`. */
  let chosen = null;
  let pinned = null;
  /** Who stood where last, so that nobody moves without need: in each mode for itself. */
  let inGrid = [];
  let inStrip = [];
  let lastSpeaker = null;
  let paused = new Set();

  toggle.addEventListener('click', () => {
    chosen = mode === 'grid' ? 'speaker' : 'grid';
    pinned = null;
    render();
  });
  visit.addEventListener('change', render);
  visit.equipment.addEventListener('change', render);
  new ResizeObserver(render).observe(floor);

  let watched = null;

  function watch(room) {
    watched = room;
    room?.addEventListener('viewpaused', ({ detail }) => {
      paused = new Set(detail.tracks);
      render();
    });
    room?.addEventListener('reaction', ({ detail }) => {
      shownByKey.get(`${detail.participant?.id}/camera`)?.tile.react(detail.reaction);
    });
    inGrid = [];
    inStrip = [];
    paused = new Set();
    lastSpeaker = null;
    pinned = null;
    chosen = null;
  }

  function render() {
    const { room } = visit;
    if (room !== watched) watch(room);
    const wanted = room ? tilesOf(room, visit) : [];
    for (const [key, shown] of shownByKey) {
      if (wanted.some((tile) => tile.key === key)) continue;
      if (!shown.isOwn) watched?.unsubscribe(shown.tile.video);
      shown.tile.element.remove();
      shownByKey.delete(key);
    }
    if (!room) return;
    if (pinned !== null && !wanted.some(({ key }) => key === pinned)) pinned = null;
    const dominant = room.speakers.dominant;
    if (dominant && dominant !== room.self) lastSpeaker = dominant.id;
    const hasScreen = wanted.some(({ source, isOwn }) => source === 'screen' && !isOwn);
    mode = pinned !== null ? 'speaker' : (chosen ?? (hasScreen ? 'speaker' : 'grid'));
    const speaking = new Set(room.speakers.loudest.map(({ id }) => id));
    const large = mode === 'speaker' ? largeOf(wanted) : null;
    for (const tile of wanted) draw(tile, { room, speaking });
    arrange(wanted, large, speaking);
    for (const tile of wanted) play(tile, { room, isLarge: tile.key === large });
    floor.dataset.mode = mode;
    const label = mode === 'grid' ? 'Show who speaks' : 'Show everybody alike';
    if (toggle.getAttribute('aria-label') !== label) toggle.setAttribute('aria-label', label);
    toggle.title = `${label} (G)`;
    toggle.dataset.mode = mode;
  }

  /** Pinned, else the newest screen, else who speaks or spoke last, else whoever is there. */
  function largeOf(tiles) {
    const screen = tiles.findLast(({ source, isOwn }) => source === 'screen' && !isOwn);
    const speaker = tiles.find(({ participant, source }) => participant.id === lastSpeaker && source === 'camera');
    const anybody = tiles.find(({ isOwn }) => !isOwn) ?? tiles[0];
    return pinned ?? (screen ?? speaker ?? anybody).key;
  }

  function arrange(tiles, large, speaking) {
    const area = { width: floor.clientWidth, height: floor.clientHeight };
    const urgent = new Set(tiles.filter(({ participant, source }) => source === 'screen' || speaking.has(participant.id)).map(({ key }) => key));
    const keys = tiles.map(({ key }) => key);
    let order;
    let places;
    if (large === null) {
      inGrid = choose(keys, inGrid, urgent, fitting(area));
      order = inGrid;
      places = grid(order.length, area);
    } else {
      const room = spotlight(tiles.length, area).length;
      inStrip = choose(keys.filter((key) => key !== large), inStrip, urgent, room - 1);
      order = [large, ...inStrip];
      places = spotlight(order.length, area);
    }
    for (const { key } of tiles) {
      const index = order.indexOf(key);
      shownByKey.get(key).tile.stand(places[index] ?? null, key === large);
    }
    const left = tiles.length - places.length;
    byId('floor-more').hidden = left <= 0;
    setText(byId('floor-more'), left > 0 ? `and ${left} more` : '');
  }

  function draw(wanted, { room, speaking }) {
    const { key, participant, source, isOwn } = wanted;
    let shown = shownByKey.get(key);
    if (!shown) {
      const tile = new Tile(wanted, () => {
        pinned = pinned === key ? null : key;
        render();
      });
      tile.element.dataset.participant = participant.id;
      shown = { tile, isOwn };
      shownByKey.set(key, shown);
      floor.append(tile.element);
    }
    const isScreen = source === 'screen';
    const label = isOwn ? `${participant.name} (you)` : participant.name;
    shown.tile.draw({
      name: participant.name,
      label: isScreen ? `${label}: screen` : label,
      isMuted: !isScreen && isMuted(participant, isOwn, visit.equipment),
      isPictured: isPictured(wanted, visit.equipment, paused),
      isSpeaking: !isScreen && speaking.has(participant.id),
      note: noteOf(wanted, room, paused),
      quality: isScreen ? null : participant.quality,
      isPinned: pinned === key,
    });
  }

  function play({ key, track, isOwn, source }, { room, isLarge }) {
    const { video } = shownByKey.get(key).tile;
    if (isOwn) {
      showOwn(video, source === 'camera' ? visit.equipment.track('video') : null);
      return;
    }
    if (!track) {
      if (video.srcObject) room.unsubscribe(video);
      return;
    }
    video.id = `video-${track.id}`;
    room.subscribe(track, video, { priority: isLarge ? LARGE_PRIORITY : 1 });
  }
}

/** @returns {{key: string, participant: object, source: string, track: object | null, isOwn: boolean}[]} */
function tilesOf(room, visit) {
  const tiles = [];
  for (const participant of [...room.participants, room.self]) {
    const isOwn = participant === room.self;
    tiles.push({ key: `${participant.id}/camera`, participant, source: 'camera', track: participant.track('camera'), isOwn });
    for (const track of participant.tracks.values()) {
      if (track.source === 'screen') tiles.push({ key: `${participant.id}/${track.id}`, participant, source: 'screen', track, isOwn });
    }
  }
  if (visit.broadcast?.isSharing) tiles.push({ key: 'own screen', participant: room.self, source: 'screen', track: null, isOwn: true });
  return tiles;
}

function isMuted(participant, isOwn, equipment) {
  if (isOwn) return !equipment.isOn('audio');
  return participant.track('microphone')?.muted ?? true;
}

function isPictured({ track, isOwn, source }, equipment, paused) {
  if (isOwn) return source === 'camera' && equipment.track('video') !== null;
  return track !== null && !track.muted && track.media !== null && !paused.has(track.id);
}

function noteOf({ participant, track, isOwn, source }, room, paused) {
  if (isOwn) return source === 'screen' ? 'Everybody sees your screen' : '';
  if (participant.away) return 'Reconnecting…';
  if (track && paused.has(track.id)) return 'Picture paused';
  return '';
}

/** Our own picture comes from the camera, not from the server. */
function showOwn(video, mediaTrack) {
  video.id = 'video-own';
  const [shown = null] = video.srcObject?.getVideoTracks() ?? [];
  if (shown !== mediaTrack) video.srcObject = mediaTrack ? new MediaStream([mediaTrack]) : null;
}
