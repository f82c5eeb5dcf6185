/**
 * Asks our own encoder for what an answer did not: nothing is sent in silence, lost packets can be repaired from the
 * next one, and sound of a shared screen is stereo. The parameters of an answer say what the other side would like
 * (RFC 7587 §6.1), and the server hands on whatever comes.
 *
 * @param {string} sdp an answer
 * @param {Set<string>} stereo the mids whose sound has two channels
 * @returns {string}
 */
export function tuneOpus(sdp, stereo) {
  const [session, ...sections] = sdp.split(/^(?=m=)/m);
  return session + sections.map((section) => (section.startsWith('m=audio') ? tune(section, stereo) : section)).join('');
}

function tune(section, stereo) {
  const [, payloadType] = /^a=rtpmap:(\d+) opus\/48000\/2\r?$/im.exec(section) ?? [];
  if (payloadType === undefined) return section;
  const [, mid] = /^a=mid:(\S+)/m.exec(section) ?? [];
  const wanted = stereo.has(mid) ? { useinbandfec: '1', stereo: '1' } : { useinbandfec: '1', usedtx: '1' };
  const line = new RegExp(`^a=fmtp:${payloadType} ([^\\r\\n]*)`, 'm');
  const format = (parameters) => `a=fmtp:${payloadType} ${join({ ...parameters, ...wanted })}`;
  if (line.test(section)) return section.replace(line, (_, text) => format(split(text)));
  return section.replace(new RegExp(`^(a=rtpmap:${payloadType} [^\\r\\n]*)(\\r?\\n)`, 'm'), (_, rtpmap, end) => `${rtpmap}${end}${format({})}${end}`);
}

function split(text) {
  return Object.fromEntries(text.split(';').map((pair) => pair.trim().split('=')).filter(([name]) => name));
}

function join(parameters) {
  return Object.entries(parameters).map(([name, value]) => (value === undefined ? name : `${name}=${value}`)).join(';');
}
