'use strict';

// What the command `mems` reads recordings with: the addon's functions over a file's bytes. The format itself is tested in Rust
// (rust/recording.rs), and the file that is read here is the one that docs/recording.md shows.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { KIND, Recording, isRecording } = require('../../command/lib/recordings.js');
const { binding } = require('../../command/library.js');
const { assertRefused } = require('../helpers/capture.js');
const { Random, reproducible } = require('../helpers/random.js');

const DAMAGED = 'ERR_MEMS_RECORDING_DAMAGED';
const CUT_OFF = 'ERR_MEMS_RECORDING_CUT_OFF';
const NEWER = 'ERR_MEMS_RECORDING_NEWER';
const NOT_RECORDING = 'ERR_MEMS_NOT_RECORDING';

/** The file of the document. */
const document = readFileSync(path.join(__dirname, '..', '..', 'docs', 'recording.md'), 'utf8');
const rows = [...document.matchAll(/^[0-9a-f]{4} {2}((?:[0-9a-f]{2} ?)+)/gm)];
const file = Buffer.from(rows.map(([, row]) => row.replaceAll(' ', '')).join(''), 'hex');

const plain = (columns) =>
  Object.fromEntries(
    Object.entries(columns).map(([name, value]) => [
      name,
      ArrayBuffer.isView(value) ? [...value] : value,
    ]),
  );

describe('a recording', () => {
  test('is read into columns', () => {
    assert.ok(isRecording(file));
    const recording = new Recording(file);
    assert.deepEqual(recording.header, { mems: '2.0.0' });
    assert.deepEqual(recording.stats, {});
    const { clock, stacks, operations, missing, missingAtEnd } = recording;
    assert.deepEqual([clock, stacks, operations, missing, missingAtEnd], [true, false, 3, 7, 7]);
    assert.deepEqual([...recording.chunks()].map(plain), [
      {
        count: 3,
        operations: 3,
        missing: 0,
        kind: [2, 2, 3],
        address: [1000, 1300, 0],
        size: [300, 20, 0],
        from: [0, 0, 1000],
        alignment: [16, 16, 0],
        thread: [0, 0, 1],
        stack: [0, 0, 0],
        time: [5000, 5000, 5000],
        texts: [],
      },
    ]);
    assert.deepEqual([...recording.stackTexts()], []);
  });

  test('may lie anywhere in a buffer, or be shared', () => {
    const longer = new Uint8Array(new SharedArrayBuffer(file.length + 20));
    longer.set(file, 10);
    const recording = new Recording(longer.subarray(10, 10 + file.length));
    assert.deepEqual(
      [...recording.chunks()].map(plain),
      [...new Recording(file).chunks()].map(plain),
    );
  });

  test('that cannot be read is refused with a code and a sentence', () => {
    const chunk = 0x22;
    const changed = (at, byte) =>
      Uint8Array.from(file, (old, index) => (index === at ? byte : old));
    for (const [bytes, code, message] of [
      [new Uint8Array(0), NOT_RECORDING, /^This is no recording: it does not begin with "MEMS"/],
      [Buffer.from('a 1 100\n'), NOT_RECORDING, /heap\.record\(\)/],
      [changed(6, 2), NEWER, /format 2, .* reads formats up to 1\. Read it with a newer version$/],
      [changed(20, 0), DAMAGED, /beginning of the recording is damaged/],
      [file.subarray(0, 20), CUT_OFF, /cut off at byte 20, before its first operation/],
      [file.subarray(0, 100), CUT_OFF, /cut off at byte 100, in chunk 0\. Use --partial/],
      [changed(chunk + 5, 1), DAMAGED, /Chunk 0 of the recording, at byte 34, is damaged/],
      [
        changed(0x60, 9),
        DAMAGED,
        /Chunk 0 of the recording, at byte 34, is damaged.* Use --partial/,
      ],
      [Buffer.concat([file, file]), DAMAGED, /Chunk 1 .* is invalid: bytes follow the end/],
    ]) {
      assertRefused(() => new Recording(bytes), code, message);
      if (code === NEWER || code === NOT_RECORDING) {
        assertRefused(() => new Recording(bytes, { partial: true }), code, message);
      }
    }
  });

  test('is read as far as it is whole where that is asked for', () => {
    const cut = new Recording(file.subarray(0, 0x80), { partial: true });
    assert.deepEqual([cut.stats, cut.operations, cut.missing], [undefined, 3, 0]);
    assert.deepEqual([...cut.chunks()].map(plain), [...new Recording(file).chunks()].map(plain));
    const damaged = Buffer.from(file);
    damaged[0x60] = 9;
    const rest = new Recording(damaged, { partial: true });
    assert.deepEqual([rest.stats, rest.operations, rest.missing], [{}, 0, 10]);
  });
});

test('the kinds of events have the numbers that Rust and the document give them', () => {
  const source = readFileSync(
    path.join(__dirname, '..', '..', 'src', 'recording', 'event.rs'),
    'utf8',
  );
  const inRust = [...source.matchAll(/^ {4}(\w)(\w*) = (\d+),$/gm)];
  assert.deepEqual(
    inRust.map(([, first, rest, number]) => [first.toLowerCase() + rest, Number(number)]),
    Object.entries(KIND),
  );
  const table = document.slice(document.indexOf('| kind | event |'));
  const numbers = [...table.matchAll(/^\| (\d+) \|/gm)].map(([, number]) => Number(number));
  assert.deepEqual(numbers, Object.values(KIND));
});

describe('the functions over the bytes of a recording', () => {
  test('check their arguments', () => {
    for (const wrong of [undefined, null, 'MEMS', [...file], file.buffer, new Float64Array(8)]) {
      assertRefused(() => binding.readRecording(wrong, false), 'ERR_INVALID_ARG_TYPE', /"bytes"/);
      assertRefused(() => binding.recordingChunk(wrong, 0, 9), 'ERR_INVALID_ARG_TYPE', /"bytes"/);
      assertRefused(() => binding.recordingStacks(wrong, 0, 9), 'ERR_INVALID_ARG_TYPE', /"bytes"/);
    }
    assertRefused(() => binding.readRecording(file), 'ERR_INVALID_ARG_TYPE', /"partial"/);
    for (const wrong of [-1, 0.5, Number.NaN, 2 ** 60]) {
      assertRefused(() => binding.recordingChunk(file, wrong, 9), 'ERR_MEMS_INVALID_SIZE', wrong);
      assertRefused(() => binding.recordingStacks(file, 0, wrong), 'ERR_MEMS_INVALID_SIZE', wrong);
    }
    assertRefused(() => binding.recordingChunk(file, 1e9, 9), CUT_OFF);
    assertRefused(() => binding.recordingChunk(file, 0x66, 99), DAMAGED, /it has no events/);
    assertRefused(() => binding.recordingStacks(file, 0x22, 999), DAMAGED, /it has no stacks/);
  });

  test('refuse, or read rightly, whatever the bytes are', (t) =>
    reproducible(t, () => {
      const random = new Random();
      const [whole] = [...new Recording(file).chunks()].map(plain);
      for (let i = 0; i < 2000; i++) {
        const bytes = Buffer.from(file.subarray(0, random.int(0, file.length)));
        for (let n = random.int(0, 3); n > 0 && bytes.length > 0; n--) {
          bytes[random.int(0, bytes.length - 1)] = random.int(0, 255);
        }
        try {
          for (const chunk of new Recording(bytes, { partial: true }).chunks()) {
            assert.deepEqual(plain(chunk), whole);
          }
        } catch ({ code }) {
          assert.match(code, /^ERR_MEMS_(?:NOT_RECORDING|RECORDING_\w+)$/);
        }
      }
    }));
});
