/**
 * Camera and microphone: gets as much as the browser gives and explains what is missing in words a person can act on.
 */

/**
 * What a capture brought.
 *
 * @typedef {object} Capture
 * @property {MediaStream | null} stream what was obtained; `null` if nothing
 * @property {string | null} problem why something is missing, for the user; `null` if nothing is
 */

/**
 * Asks for camera and microphone; where both together fail, for each alone.
 *
 * @param {MediaTrackConstraints | false} video what to ask the camera for; `false` for no camera
 * @returns {Promise<Capture>} never rejects
 */
export async function capture(video) {
  if (!navigator.mediaDevices) return { stream: null, problem: INSECURE };
  const wanted = video ? { audio: true, video } : { audio: true };
  try {
    return { stream: await navigator.mediaDevices.getUserMedia(wanted), problem: null };
  } catch (error) {
    return (await captureEither(wanted, error)) ?? { stream: null, problem: explain(error, devicesOf(wanted)) };
  }
}

/**
 * Asks for one device.
 *
 * @param {'audio' | 'video'} kind
 * @param {MediaTrackConstraints | true} constraints
 * @returns {Promise<{track: MediaStreamTrack | null, problem: string | null}>} never rejects
 */
export async function captureOne(kind, constraints) {
  if (!navigator.mediaDevices) return { track: null, problem: INSECURE };
  try {
    const [track] = (await navigator.mediaDevices.getUserMedia({ [kind]: constraints })).getTracks();
    return { track, problem: null };
  } catch (error) {
    return { track: null, problem: explain(error, kind === 'audio' ? 'microphone' : 'camera') };
  }
}

/** Stops every device of a stream: the camera's light goes out. */
export function stop(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/** The microphone alone, or else the camera alone; `null` if neither. */
async function captureEither(wanted, error) {
  if (!wanted.video) return null;
  for (const kind of ['audio', 'video']) {
    if (isRefusal(error) && !(await isGranted(kind))) continue;
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ [kind]: wanted[kind] });
      const rest = kind === 'audio' ? 'They hear you but do not see you.' : 'They see you but do not hear you.';
      return { stream, problem: `${explain(error, kind === 'audio' ? 'camera' : 'microphone')} ${rest}` };
    } catch {
      // The other device may still work; the first error is the one that gets explained.
    }
  }
  return null;
}

/** After a refusal only what is already allowed is tried: nobody is asked again for what they just refused. */
async function isGranted(kind) {
  try {
    const name = kind === 'audio' ? 'microphone' : 'camera';
    return (await navigator.permissions.query({ name })).state === 'granted';
  } catch {
    return false; // this browser cannot be asked about devices
  }
}

function isRefusal(error) {
  return error.name === 'NotAllowedError' || error.name === 'SecurityError';
}

function devicesOf(wanted) {
  return wanted.video ? 'camera or microphone' : 'microphone';
}

function explain(error, device) {
  switch (error.name) {
    case 'NotAllowedError':
      // Chromium says "by system" when it is the operating system that refuses the browser.
      return /system/i.test(error.message)
        ? `Your system does not let this browser use the ${device}. Allow it in the system's privacy settings.`
        : `This page may not use your ${device}. Allow it beside the address bar, then try again.`;
    case 'SecurityError':
      return INSECURE;
    case 'NotFoundError':
      return `No ${device} was found. Connect one to be seen and heard.`;
    case 'NotReadableError':
    case 'AbortError':
      return `The ${device} could not be started. Another program may be using it.`;
    default:
      return `The ${device} could not be started (${error.name}).`;
  }
}

const INSECURE = 'Browsers give camera and microphone only to secure pages. Open this page by https, or as localhost.';
