/**
 * Runs in the page: publishes by the recipe to a second connection of the same page, and describes what is sent.
 * Must not use anything from outside itself.
 */
export async function publish(recipe) {
  const patience = 60_000;
  const length = 8_000;
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  const sending = new RTCPeerConnection();
  const receiving = new RTCPeerConnection();
  sending.onicecandidate = ({ candidate }) => candidate && receiving.addIceCandidate(candidate);
  receiving.onicecandidate = ({ candidate }) => candidate && sending.addIceCandidate(candidate);

  const [width, height] = recipe.size;
  const stream = await navigator.mediaDevices.getUserMedia({ video: { width, height, frameRate: 15 } });
  const [track] = stream.getVideoTracks();
  const transceiver = sending.addTransceiver(track, { direction: 'sendonly', sendEncodings: recipe.encodings });
  const known = RTCRtpReceiver.getCapabilities('video').codecs;
  const wanted = ({ mimeType, sdpFmtpLine = '' }) =>
    mimeType === recipe.codec && sdpFmtpLine.includes(recipe.profile ?? '');
  const rtx = known.filter(({ mimeType }) => mimeType === 'video/rtx');
  transceiver.setCodecPreferences([known.find(wanted), ...rtx]);

  await sending.setLocalDescription();
  // The receiving connection is to tell streams by their SSRC.
  const named = /a=extmap:\d+ urn:ietf:params:rtp-hdrext:sdes:.*\r\n/g;
  const names = sending.localDescription.sdp.match(named).join('');
  const offer = sending.localDescription.sdp.replace(named, '').replace(/a=(rid|simulcast):.*\r\n/g, '');
  await receiving.setRemoteDescription({ type: 'offer', sdp: offer });
  await receiving.setLocalDescription();
  // Chromium sends simulcast, but does not say of itself that it receives it.
  const rids = recipe.encodings.map(({ rid }) => rid).filter(Boolean);
  const accepted = rids.map((rid) => `a=rid:${rid} recv\r\n`).join('');
  const simulcast = rids.length > 0 ? `${accepted}a=simulcast:recv ${rids.join(';')}\r\n` : '';
  // libwebrtc begins with 300 kbit/s and finds more in its own time; this has it begin where all layers fit.
  const { payloadType } = sending.localDescription.sdp.match(/a=rtpmap:(?<payloadType>\d+) /).groups;
  const start = `a=fmtp:${payloadType} x-google-start-bitrate=2000\r\n`;
  const descriptor = recipe.plain ? /a=extmap:\d+ \S+#dependency-descriptor-rtp-header-extension\r\n/ : /$^/;
  const sdp = receiving.localDescription.sdp.replace(descriptor, '');
  const fmtp = new RegExp(`a=fmtp:${payloadType} (.*)\r\n`);
  const started = fmtp.test(sdp) ? sdp.replace(fmtp, `${start.trim()};$1\r\n`) : sdp + start;
  await sending.setRemoteDescription({ type: 'answer', sdp: started + names + simulcast });

  const outbound = async () =>
    [...(await sending.getStats()).values()].filter(({ type }) => type === 'outbound-rtp');
  if (rids.length > 0) {
    // It takes streams that it was not told of for one that changes, and asks for keyframes all the time: told of
    // them as so many tracks, it leaves the publisher alone.
    const ssrcs = [];
    while (ssrcs.length < rids.length) {
      ssrcs.splice(0, ssrcs.length, ...(await outbound()).map(({ ssrc }) => ssrc));
      await pause(50);
    }
    const [session, track] = offer.split(/(?=m=)/);
    const tracks = ssrcs.map((ssrc, mid) => {
      const renamed = track.replace('a=mid:0', `a=mid:${mid}`).replace(/a=(msid|ssrc|ssrc-group):.*\r\n/g, '');
      return `${renamed}a=msid:- ${mid}\r\na=ssrc:${ssrc} cname:recorder\r\n`;
    });
    const bundled = session.replace('a=group:BUNDLE 0', `a=group:BUNDLE ${[...ssrcs.keys()].join(' ')}`);
    await receiving.setRemoteDescription({ type: 'offer', sdp: bundled + tracks.join('') });
    await receiving.setLocalDescription();
  }
  // Every encoding in its full size: the estimate of the bandwidth may take its time.
  const whole = (statistics) =>
    recipe.encodings.every(({ rid, scaleResolutionDownBy = 1 }) =>
      statistics.some((sent) => (rid === undefined || sent.rid === rid) && sent.frameWidth * scaleResolutionDownBy === width));
  for (const deadline = Date.now() + patience; !whole(await outbound()); await pause(200)) {
    if (Date.now() > deadline) throw new Error(`not everything is sent: ${JSON.stringify(await outbound())}`);
  }
  await pause(1_000);
  const keyframes = (wantedOf) =>
    transceiver.sender.setParameters(transceiver.sender.getParameters(), {
      encodingOptions: recipe.encodings.map((_, place) => ({ keyFrame: wantedOf(place) })),
    });
  const begun = Date.now();
  await keyframes(() => true);
  const steps = 6;
  for (let step = 0; step < steps; step += 1) {
    await pause(length / steps);
    // One encoding after the other, the best one last.
    const turn = (step - (steps - 2)) % recipe.encodings.length;
    const last = recipe.encodings.length - 1;
    if (step < steps - 1) await keyframes((place) => (place - last - turn) % recipe.encodings.length === 0);
  }

  const parameters = transceiver.sender.getParameters();
  const statistics = await outbound();
  const description = {
    codec: parameters.codecs[0].mimeType,
    fmtp: parameters.codecs[0].sdpFmtpLine ?? '',
    encoder: statistics[0].encoderImplementation,
    payloadType: parameters.codecs[0].payloadType,
    rtxPayloadType: parameters.codecs.find(({ mimeType }) => mimeType === 'video/rtx').payloadType,
    extensions: Object.fromEntries(parameters.headerExtensions.map(({ uri, id }) => [uri, id])),
    encodings: parameters.encodings.map(({ rid, scalabilityMode }) => {
      const sent = statistics.find((entry) => rid === undefined || entry.rid === rid);
      const { ssrc, rtxSsrc, frameWidth, frameHeight } = sent;
      return { rid: rid ?? '', scalabilityMode, ssrc, rtxSsrc, width: frameWidth, height: frameHeight };
    }),
  };
  sending.close();
  receiving.close();
  return { begun, description };
}
