import puppeteer from 'puppeteer-core';

const CHROMIUM = process.env.CHROMIUM_BIN ?? '/usr/bin/chromium';
const FIREFOX = process.env.FIREFOX_BIN ?? '/usr/bin/firefox-esr';

const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
];

/** What there is, and what the user says when asked for it. */
const DEVICE_FLAGS = {
  granted: ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'],
  denied: ['--use-fake-device-for-media-stream', '--deny-permission-prompts'],
  missing: ['--use-fake-ui-for-media-stream'],
};

/** Without these Firefox has no camera, asks for permission, and hides its addresses. */
const FIREFOX_PREFERENCES = {
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'media.autoplay.default': 0,
  'network.proxy.type': 0,
};

/**
 * A headless Chromium with a camera that shows a moving pattern and a microphone that beeps.
 *
 * @param {{mdns?: boolean, devices?: keyof typeof DEVICE_FLAGS, trusting?: boolean, network?: import('./network.mjs').Network}} options
 *   `mdns`: whether its host candidates are names instead of addresses, as by default; `trusting`: whether it takes any
 *   certificate, of TURN servers too; `network`: where it runs, in place of our own
 */
export function launchChromium({ mdns = true, devices = 'granted', trusting = false, network } = {}) {
  const flags = [...CHROMIUM_FLAGS, ...DEVICE_FLAGS[devices]];
  if (trusting) flags.push('--ignore-certificate-errors');
  if (!mdns) flags.push('--disable-features=WebRtcHideLocalIpsWithMdns');
  // Loopback there is not ours, a pipe is.
  if (network) return launch('chrome', { executablePath: network.program(CHROMIUM), args: flags, pipe: true });
  return launch('chrome', { executablePath: CHROMIUM, args: flags });
}

/** A headless Firefox with a fake camera and microphone. It needs a network with a default route. */
export function launchFirefox() {
  return launch('firefox', { executablePath: FIREFOX, extraPrefsFirefox: FIREFOX_PREFERENCES });
}

/** With a new empty profile, which puppeteer makes and removes again. */
function launch(browser, options) {
  // Certificates: the stories over https use one that the server made itself.
  return puppeteer.launch({ ...options, browser, headless: true, acceptInsecureCerts: true });
}
