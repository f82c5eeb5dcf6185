/**
 * The form of a message: its keys, nesting, types, constants and codes. Two messages have the same form if they differ
 * only in what differs between any two servers: identifiers, times, measured values and free text.
 */

/** Fields of Kurento 6 that a server for 7 may leave out. */
const OLD_FIELDS = new Set(['timestamp', 'inputAudioLatency', 'inputVideoLatency', 'audioE2ELatency', 'videoE2ELatency']);
/** Fields whose text is the server's own. */
const FREE_TEXT = new Set(['candidate', 'version', 'generationTime', 'serverId', 'message']);
/** Lists of words that are the server's own. */
const FREE_LISTS = new Set(['factories']);

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/**
 * @param {unknown} value
 * @param {string} [key] under which it stands
 * @returns {unknown} the same for values of the same form
 */
export function formOf(value, key) {
  if (value === null) return null;
  if (Array.isArray(value)) {
    if (FREE_LISTS.has(key)) return value.every((member) => typeof member === 'string') ? 'words' : 'no words';
    return value.map((member) => formOf(member));
  }
  switch (typeof value) {
    case 'object': {
      const fields = Object.entries(value).filter(([name]) => !OLD_FIELDS.has(name));
      const named = fields.map(([name, field]) => [withoutIds(name), formOf(field, name)]);
      return Object.fromEntries(named.sort(([a], [b]) => (a < b ? -1 : 1)));
    }
    case 'string':
      return FREE_TEXT.has(key) ? 'text' : textForm(value);
    case 'number':
      // The numbers of the envelope are the request's own.
      return key === 'id' || key === 'code' || key === 'sdpMLineIndex' ? value : 'number';
    default:
      return typeof value;
  }
}

function textForm(text) {
  if (/^\d{10}$/.test(text)) return 'seconds';
  if (/^\d{13}$/.test(text)) return 'milliseconds';
  if (text.startsWith('v=0\r\n')) return 'session description';
  if (/^digraph\b/.test(text)) return 'graph';
  if (text.startsWith('{')) return Object.keys(JSON.parse(text)).includes('remoteClasses') ? 'module description' : 'JSON';
  return withoutIds(text);
}

function withoutIds(text) {
  return text.replaceAll(UUID, 'uuid');
}
