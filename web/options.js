/**
 * What the page's own address can ask for. All parameters are optional:
 *
 * - `?access_token=TOKEN`  passed on to the server where it demands one.
 * - `?video=WIDTHxHEIGHT@FPS`  the picture to ask the camera for, for example `?video=320x180@15`
 *   on a slow link or machine; `@FPS` may be left out.
 * - `?video=off`  calls with the microphone only.
 * - `?room=NAME`  the room to enter, on the room's page.
 * - `?stream=NAME`  the stream to present, in the live studio.
 */

/** Asked of the camera unless the address says otherwise; the browser adapts it to the link. */
const USUAL_VIDEO = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };

/**
 * @param {string} search the query part of the page's address
 * @returns {{accessToken: string | null, video: MediaTrackConstraints | false, room: string, stream: string}}
 *   `video` is `false` where the address says `off`; a value that cannot be read counts as absent. `room` and
 *   `stream` are empty where none is named.
 */
export function readOptions(search) {
  const parameters = new URLSearchParams(search);
  return {
    accessToken: parameters.get('access_token'),
    video: readVideo(parameters.get('video')),
    room: (parameters.get('room') ?? '').trim(),
    stream: (parameters.get('stream') ?? '').trim(),
  };
}

function readVideo(value) {
  if (value === 'off') return false;
  const match = /^(\d{2,4})x(\d{2,4})(?:@(\d{1,3}))?$/.exec(value ?? '');
  if (!match) return USUAL_VIDEO;
  const [width, height, frames] = match.slice(1).map(Number);
  // A camera may deliver more frames than the ideal; a slow machine asked for a limit.
  const frameRate = match[3] ? { ideal: frames, max: frames } : USUAL_VIDEO.frameRate;
  return { width: { ideal: width }, height: { ideal: height }, frameRate };
}

/**
 * The address of an endpoint of this server, with the access token where there is one.
 *
 * @param {string} path such as `/call`
 * @param {string | null} accessToken
 * @param {URL | Location} page where this page came from
 * @returns {URL}
 */
export function serverAddress(path, accessToken, page) {
  const address = new URL(path, page.href);
  if (accessToken) address.searchParams.set('access_token', accessToken);
  return address;
}
