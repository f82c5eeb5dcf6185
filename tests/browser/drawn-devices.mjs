/**
 * A camera and a microphone that need no permission, put in the place of the browser's before the page's own scripts.
 * Chromium hides its addresses behind mDNS names only from pages that may not use the real ones.
 */
export function drawDevices() {
  navigator.mediaDevices.getUserMedia = async () => {
    const canvas = document.createElement('canvas');
    canvas.width = 160;
    canvas.height = 90;
    const context = canvas.getContext('2d');
    let hue = 0;
    setInterval(() => {
      hue = (hue + 7) % 360;
      context.fillStyle = `hsl(${hue} 90% 60%)`;
      context.fillRect(0, 0, canvas.width, canvas.height);
    }, 100);
    const audio = new AudioContext();
    const tone = new OscillatorNode(audio, { frequency: 440 });
    const microphone = new MediaStreamAudioDestinationNode(audio);
    tone.connect(microphone);
    tone.start();
    return new MediaStream([...canvas.captureStream(10).getTracks(), ...microphone.stream.getTracks()]);
  };
}
