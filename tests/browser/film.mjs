// A film of a gibibyte that is not stored: each byte is computed from its position, by the app and by the page.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { top } from "./harness.mjs";

/** Ten VP8 key frames, 320 by 180, that show the digits, each behind its length: those of the demo's film. */
const file = readFileSync(join(top, "gateway/server/demo/frames.bin"));
export const frames = [];
for (let at = 0; at < file.length; at += 4 + frames.at(-1).length) {
  frames.push(file.subarray(at + 4, at + 4 + file.readUInt32LE(at)));
}

/**
 * The film: WebM in which every second shows its last digit, as large as a film would be. It is also run by the page, and
 * refers to nothing outside of itself.
 */
export function makeFilm(frames) {
  const SECONDS = 1024;
  const FRAMES = 5;
  /** Bytes of a second. */
  const CLUSTER = 1 << 20;

  const concat = (...parts) => {
    const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
    return all;
  };
  const bigEndian = (value, bytes) => Array.from({ length: bytes }, (_, n) => Math.floor(value / 256 ** (bytes - 1 - n)) % 256);
  const id = (name) => bigEndian(name, 8).slice(bigEndian(name, 8).findIndex((byte) => byte > 0));
  /** The name and the size of an element of EBML (RFC 8794 §3), the size in four bytes. */
  const wide = (name, size) => concat(id(name), bigEndian(0x1000_0000 + size, 4));
  const element = (name, ...content) => concat(wide(name, concat(...content).length), ...content);
  const number = (name, value) => element(name, bigEndian(value, 8));
  const text = (name, value) => element(name, new TextEncoder().encode(value));

  /** Everything before the first cluster: the head, the track, and the index of the seconds. */
  function head() {
    const ebml = element(0x1A45_DFA3, number(0x4286, 1), number(0x42F7, 1), number(0x42F2, 4), number(0x42F3, 8),
      text(0x4282, "webm"), number(0x4287, 2), number(0x4285, 2));
    const duration = new DataView(new ArrayBuffer(4));
    duration.setFloat32(0, SECONDS * 1000);
    const about = element(0x1549_A966, number(0x2A_D7B1, 1_000_000), element(0x4489, new Uint8Array(duration.buffer)),
      text(0x4D80, "stagedoor"), text(0x5741, "stagedoor"));
    const size = element(0xE0, number(0xB0, 320), number(0xBA, 180));
    const tracks = element(0x1654_AE6B, element(0xAE, number(0xD7, 1), number(0x73C5, 1), number(0x9C, 0),
      text(0x86, "V_VP8"), number(0x83, 1), size));
    const cues = (first) => element(0x1C53_BB6B, ...Array.from({ length: SECONDS }, (_, second) => element(0xBB,
      number(0xB3, second * 1000), element(0xB7, number(0xF7, 1), number(0xF1, first + second * CLUSTER)))));
    const first = about.length + tracks.length + cues(0).length;
    return concat(ebml, id(0x1853_8067), [0x01], bigEndian(first + SECONDS * CLUSTER, 7), about, tracks, cues(first));
  }

  /** The beginning of a second: its frames, and the name of an element without a meaning that fills the rest. */
  function second(at) {
    const blocks = Array.from({ length: FRAMES }, (_, n) =>
      element(0xA3, [0x81], bigEndian(n * 1000 / FRAMES, 2), [0x80], frames[at % 10]));
    const inside = concat(number(0xE7, at * 1000), ...blocks);
    return concat(wide(0x1F43_B675, CLUSTER - 8), inside, wide(0xEC, CLUSTER - 8 - inside.length - 5));
  }

  const HEAD = head();
  const length = HEAD.length + SECONDS * CLUSTER;
  const known = new Map();

  /** The bytes from one position to before another. */
  function bytes(from, to) {
    const first = from - from % 4;
    const words = new Uint32Array(Math.ceil((to - first) / 4));
    for (let at = 0, n = first / 4; at < words.length; at += 1, n += 1) {
      let word = Math.imul(n ^ (n >>> 15), 0x2C1B_3C6D);
      word = Math.imul(word ^ (word >>> 12), 0x297A_2D39);
      words[at] = word ^ (word >>> 15);
    }
    const wanted = new Uint8Array(words.buffer, from - first, to - from);
    const lay = (part, at) => {
      const [begin, end] = [Math.max(from, at), Math.min(to, at + part.length)];
      if (begin < end) wanted.set(part.subarray(begin - at, end - at), begin - from);
    };
    lay(HEAD, 0);
    for (let n = Math.max(0, Math.floor((from - HEAD.length) / CLUSTER)); n < SECONDS && HEAD.length + n * CLUSTER < to; n += 1) {
      if (!known.has(n)) known.set(n, second(n));
      lay(known.get(n), HEAD.length + n * CLUSTER);
    }
    return wanted;
  }

  return { length, seconds: SECONDS, bytes };
}
