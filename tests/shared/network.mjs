import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A network beside ours, with a router between: two namespaces in a row. It needs root, `ip` and `nft`.
 *
 *     ours (10.74.N.1) -- (10.74.N.2) router (10.75.N.1) -- (10.75.N.2) inside
 *
 * Of IPv4 the router translates: what is inside has its outer address, and for each destination another port, which is
 * called a symmetric NAT. Of IPv6, in fd74:N:: and fd75:N::, it does not.
 */
export class Network {
  #router;
  #inside;
  #folder = mkdtempSync(join(tmpdir(), 'keel-network-'));

  /** Why there can be none here; empty where there can. */
  static get obstacle() {
    if (process.getuid() !== 0) return 'network namespaces need root';
    try {
      sh('command -v ip nft');
    } catch {
      return 'network namespaces need ip and nft';
    }
    return '';
  }

  /**
   * @param {number} number which tells those of one process apart
   * @param {{family?: 4 | 6}} options
   */
  constructor(number, { family = 4 } = {}) {
    const name = (what) => `kb${process.pid % 100_000}${what}${number}`;
    this.#router = name('r');
    this.#inside = name('i');
    const outside = name('o');
    const [one, two] = family === 4 ? ['10.74', '10.75'].map((net) => `${net}.${number}.`) : [`fd74:${number}::`, `fd75:${number}::`];
    /** Our own address towards it. */
    this.ours = `${one}1`;
    /** The router's towards us. */
    this.outer = `${one}2`;
    /** That of what is inside. */
    this.inner = `${two}2`;
    // Nobody else is there who could have an address already; while IPv6 asks, its addresses come and go for a browser.
    const end = family === 4 ? '/24' : '/64 nodad';
    const [router, inside] = [this.#router, this.#inside];
    sh(`
      ip netns add ${router}
      ip netns add ${inside}
      ip netns exec ${inside} sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.dad_transmits=0
      ip link add ${outside} type veth peer name near netns ${router}
      ip -n ${router} link add far type veth peer name eth netns ${inside}
      ip addr add dev ${outside} ${this.ours}${end}
      ip -n ${router} addr add dev near ${this.outer}${end}
      ip -n ${router} addr add dev far ${two}1${end}
      ip -n ${inside} addr add dev eth ${this.inner}${end}
      ip link set ${outside} up
      ip -n ${router} link set near up
      ip -n ${router} link set far up
      ip -n ${inside} link set eth up
      ip -n ${inside} link set lo up
      ip -n ${inside} route add default via ${two}1
      ip netns exec ${router} sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
      ip netns exec ${router} nft add table inet keel
      ip netns exec ${router} nft 'add chain inet keel pass { type filter hook forward priority 0 ; }'
      ip netns exec ${router} nft 'add chain inet keel to { type nat hook prerouting priority -100 ; }'
      ip netns exec ${router} nft 'add chain inet keel from { type nat hook postrouting priority 100 ; }'
    `);
    if (family === 4) sh(`ip netns exec ${router} nft add rule inet keel from oifname near masquerade random`);
    else sh(`ip -6 route add ${two}/64 via ${this.outer}`);
  }

  /** The command that runs another, which follows, inside. */
  get within() {
    return ['ip', 'netns', 'exec', this.#inside];
  }

  /** A program that runs this one inside. */
  program(path) {
    const script = join(this.#folder, 'inside');
    writeFileSync(script, `#!/bin/sh\nexec ${this.within.join(' ')} ${path} "$@"\n`);
    chmodSync(script, 0o755);
    return script;
  }

  /** Lets nothing out that is as described in the words of nft. */
  forbid(what) {
    sh(`ip netns exec ${this.#router} nft add rule inet keel pass iifname far ${what} drop`);
  }

  /** Has what comes to the router's outer address go inside, as described in the words of nft. */
  forward(what) {
    sh(`ip netns exec ${this.#router} nft add rule inet keel to iifname near ${what} dnat ip to ${this.inner}`);
  }

  /** Takes it down, and what runs inside loses its links. */
  end() {
    for (const namespace of [this.#inside, this.#router]) sh(`ip netns del ${namespace}`);
    rmSync(this.#folder, { recursive: true });
  }
}

function sh(lines) {
  execFileSync('sh', ['-euc', lines], { stdio: 'pipe' });
}
