import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
  '--use-fake-device-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
];

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
 * @param {{mdns?: boolean, devices?: 'granted' | 'denied'}} options `mdns`: whether its host candidates are names
 *   instead of addresses, as by default; `devices`: what the user says when asked for camera and microphone
 */
export function launchChromium({ mdns = true, devices = 'granted' } = {}) {
  const flags = [...CHROMIUM_FLAGS, devices === 'granted' ? '--use-fake-ui-for-media-stream' : '--deny-permission-prompts'];
  if (!mdns) flags.push('--disable-features=WebRtcHideLocalIpsWithMdns');
  return launch('chrome', { executablePath: CHROMIUM, args: flags });
}

/** A headless Firefox with a fake camera and microphone. It needs a network with a default route. */
export function launchFirefox() {
  return launch('firefox', { executablePath: FIREFOX, extraPrefsFirefox: FIREFOX_PREFERENCES });
}

async function launch(browser, options) {
  const profile = await mkdtemp(join(tmpdir(), 'keel-browser-'));
  // Certificates: the stories over https use one that the server made itself.
  const launched = await puppeteer.launch({ ...options, browser, headless: true, userDataDir: profile, acceptInsecureCerts: true });
  launched.once('disconnected', () => rm(profile, { recursive: true, force: true, maxRetries: 5 }));
  return launched;
}
