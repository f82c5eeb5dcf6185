/** What is sent of a track: its encodings, and which of them somebody watches. */

/**
 * The qualities in which a picture is offered. Every viewer gets the one that its tile and its network can use; the
 * server says which of them nobody watches, and they are not even encoded.
 *
 * @param {'microphone' | 'camera' | 'screen' | 'screenAudio'} source
 * @param {number} height of the picture in pixels, 0 where it is not known
 * @returns {RTCRtpEncodingParameters[]}
 */
export function sendEncodings(source, height) {
  switch (source) {
    case 'camera':
      return cameraEncodings(height);
    case 'screen':
      // Text stays legible at half the size; the whole of it is for who looks at it in full.
      return [
        { rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 400_000, maxFramerate: 15 },
        { rid: 'f', scaleResolutionDownBy: 1, maxBitrate: 2_500_000, maxFramerate: 30 },
      ];
    case 'screenAudio':
      return [{ maxBitrate: 96_000 }]; // music as well as speech
    default:
      return [{ maxBitrate: 40_000 }];
  }
}

/** Browsers leave encodings out that a small picture is too small for, so none is asked for that would be. */
function cameraEncodings(height) {
  const full = { rid: 'f', scaleResolutionDownBy: 1, maxBitrate: 1_700_000 };
  const half = { rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 500_000 };
  const quarter = { rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 150_000 };
  if (height > 0 && height < SIZE_OF_TWO) return [full];
  if (height > 0 && height < SIZE_OF_THREE) return [half, full];
  return [quarter, half, full];
}

/** Below these heights Chromium leaves out the third and the second encoding. */
const SIZE_OF_THREE = 540;
const SIZE_OF_TWO = 270;

/**
 * Switches encodings on and off.
 *
 * @param {RTCRtpEncodingParameters[]} encodings changed in place
 * @param {string[]} active the `rid` of each that is watched; a picture without `rid` is watched where there is any
 * @returns {boolean} whether anything changed
 */
export function activate(encodings, active) {
  let changed = false;
  for (const encoding of encodings) {
    const wanted = encoding.rid === undefined ? active.length > 0 : active.includes(encoding.rid);
    if ((encoding.active ?? true) === wanted) continue;
    encoding.active = wanted;
    changed = true;
  }
  return changed;
}

/** What a sender gives up first where the path or the machine is too slow. */
export function degradation(source) {
  return source === 'screen' ? 'maintain-resolution' : 'balanced';
}
