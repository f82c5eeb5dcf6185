import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate as an operator has one, but of nobody: only browsers that take any trust it. */
export class Certificate {
  #folder = mkdtempSync(join(tmpdir(), 'keel-certificate-'));

  /** @param {string[]} names host names and addresses, of which peers are told the first */
  constructor(names) {
    const [certificate, key] = ['certificate.pem', 'key.pem'].map((name) => join(this.#folder, name));
    const list = names.map((name) => `${isIP(name) ? 'IP' : 'DNS'}:${name}`).join(',');
    const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-keyout', key];
    const said = ['-subj', '/CN=Keel', '-addext', `subjectAltName=${list}`, '-out', certificate];
    execFileSync('openssl', ['req', '-x509', ...made, ...said], { stdio: 'pipe' });
    /** What has a server serve it. */
    this.flags = ['--tls-certificate', certificate, '--tls-key', key, '--turn-host', names[0], '--kurento-tls-port', '0'];
  }

  /** Removes its files. */
  remove() {
    rmSync(this.#folder, { recursive: true });
  }
}
