/**
 * The file format of rtptools' `rtpdump`, which Wireshark reads too: a line, the start, and for each packet its length
 * with these eight bytes, its length, and its time in milliseconds.
 *
 * @param {{time: number, bytes: Buffer}[]} packets
 */
export function rtpdump(packets) {
  const parts = [Buffer.from('#!rtpplay1.0 127.0.0.1/9\n'), Buffer.alloc(16)];
  for (const { time, bytes } of packets) {
    const head = Buffer.alloc(8);
    head.writeUInt16BE(bytes.length + head.length, 0);
    head.writeUInt16BE(bytes.length, 2);
    head.writeUInt32BE(time, 4);
    parts.push(head, bytes);
  }
  return Buffer.concat(parts);
}
