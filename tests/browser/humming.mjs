/**
 * Puts a steady hum in the place of the browser's own fake microphone, which beeps twice a second for 20 ms: that is
 * nobody who speaks.
 */
export function hum() {
  const { mediaDevices } = navigator;
  const native = mediaDevices.getUserMedia.bind(mediaDevices);
  mediaDevices.getUserMedia = async (wanted) => {
    const stream = await native(wanted);
    for (const beep of stream.getAudioTracks()) {
      stream.removeTrack(beep);
      beep.stop();
      const audio = new AudioContext();
      const microphone = new MediaStreamAudioDestinationNode(audio);
      const tone = new OscillatorNode(audio, { frequency: 220 });
      tone.connect(new GainNode(audio, { gain: 0.3 })).connect(microphone);
      tone.start();
      stream.addTrack(microphone.stream.getAudioTracks()[0]);
    }
    return stream;
  };
}
