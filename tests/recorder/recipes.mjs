/**
 * What is recorded. `codec` and `profile` choose the format, `size` is the camera's picture, `encodings` go to
 * `addTransceiver`; keyframes of single encodings are asked for while it runs. With the dependency descriptor
 * libwebrtc leaves VP8's own numbers away: `plain` does without it.
 */
export const RECIPES = {
  'vp8-temporal': {
    codec: 'video/VP8',
    plain: true,
    size: [320, 180],
    encodings: [{ scalabilityMode: 'L1T3', maxBitrate: 150_000 }],
  },
  'vp8-simulcast': {
    codec: 'video/VP8',
    plain: true,
    size: [960, 540],
    encodings: simulcast('L1T3'),
  },
  'vp8-simulcast-descriptor': {
    codec: 'video/VP8',
    size: [960, 540],
    encodings: simulcast('L1T3'),
  },
  'vp9-svc': {
    codec: 'video/VP9',
    profile: 'profile-id=0',
    size: [960, 540],
    encodings: [{ scalabilityMode: 'L3T3', maxBitrate: 900_000 }],
  },
  'vp9-svc-key': {
    codec: 'video/VP9',
    profile: 'profile-id=0',
    size: [960, 540],
    encodings: [{ scalabilityMode: 'L3T3_KEY', maxBitrate: 900_000 }],
  },
  'av1-temporal': {
    codec: 'video/AV1',
    size: [320, 180],
    encodings: [{ scalabilityMode: 'L1T3', maxBitrate: 150_000 }],
  },
  'av1-svc': {
    codec: 'video/AV1',
    size: [960, 540],
    encodings: [{ scalabilityMode: 'L3T3', maxBitrate: 700_000 }],
  },
  'av1-svc-key': {
    codec: 'video/AV1',
    size: [640, 360],
    encodings: [{ scalabilityMode: 'L2T2_KEY', maxBitrate: 300_000 }],
  },
  'h264-simulcast': {
    codec: 'video/H264',
    profile: 'packetization-mode=1;profile-level-id=42e01f',
    size: [960, 540],
    encodings: simulcast('L1T2'),
  },
};

/** Three sizes, from the least; with pictures smaller than 960x540 libwebrtc sends fewer. */
function simulcast(scalabilityMode) {
  return [
    { rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 60_000, scalabilityMode },
    { rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 120_000, scalabilityMode },
    { rid: 'f', maxBitrate: 300_000, scalabilityMode },
  ];
}
