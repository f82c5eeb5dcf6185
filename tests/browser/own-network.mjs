import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * What makes a network of one machine: loopback, one more address, and a default route, without which Firefox gathers
 * no candidates. The other end of the link only has to be there; nothing needs to answer at the gateway.
 */
const SET_UP = [
  'ip link set lo up',
  'ip link add inside type veth peer name outside',
  'ip address add 10.77.0.2/24 dev inside',
  'ip link set inside up',
  'ip link set outside up',
  'ip route add default via 10.77.0.1',
].join(' && ');

/**
 * Runs a program in a network namespace of its own, which ends with it. Its output goes where ours goes.
 *
 * @param {string[]} program and its arguments
 * @param {Record<string, string | undefined>} environment
 * @returns {Promise<number | null>} its exit code; where no namespace can be made, that of `unshare` or `ip`, which
 *   say on standard error why
 */
export async function runInOwnNetwork(program, environment) {
  // Whoever is not root may still become root of a namespace of their own.
  const asRoot = process.getuid() === 0 ? [] : ['--user', '--map-root-user'];
  const command = ['--net', ...asRoot, '--', 'sh', '-c', `${SET_UP} && exec "$@"`, 'sh', ...program];
  const child = spawn('unshare', command, { stdio: 'inherit', env: environment });
  const [code] = await once(child, 'exit');
  return code;
}
