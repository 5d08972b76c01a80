// Colours of the pictures, for a light and a dark page.
//
// Sizes and ages are shown by viridis, which is told from others also by eyes that see few colours and in grey; on a dark page it
// begins lighter. Kinds are shown by colours of Okabe and Ito, made for the same purpose.

const VIRIDIS = [
  [68, 1, 84],
  [72, 36, 117],
  [65, 68, 135],
  [53, 95, 141],
  [42, 120, 142],
  [33, 145, 140],
  [34, 168, 132],
  [68, 191, 112],
  [122, 209, 81],
  [189, 223, 38],
  [253, 231, 37],
];

/** Colours of kinds. The last is for whatever is none of the others. */
export const KINDS = [
  [0, 114, 178],
  [213, 94, 0],
  [230, 159, 0],
  [0, 158, 115],
  [204, 121, 167],
  [86, 180, 233],
  [240, 228, 66],
  [140, 140, 140],
];

export const THEMES = {
  light: { unmapped: [226, 228, 235], hole: [255, 255, 255], first: 0 },
  dark: { unmapped: [38, 42, 54], hole: [12, 14, 20], first: 0.22 },
};

/** The colour of a value from 0 to 1 in a theme. */
export function viridis(value, { first }) {
  const place = (first + (1 - first) * Math.min(1, Math.max(0, value))) * (VIRIDIS.length - 1);
  const at = Math.min(VIRIDIS.length - 2, Math.floor(place));
  return VIRIDIS[at].map((low, channel) => {
    return low + (place - at) * (VIRIDIS[at + 1][channel] - low);
  });
}

/** 256 colours, three numbers each. */
export function ramp(theme) {
  const colours = new Float32Array(256 * 3);
  for (let at = 0; at < 256; at++) colours.set(viridis(at / 255, theme), 3 * at);
  return colours;
}

export const css = ([red, green, blue]) => {
  return `rgb(${Math.round(red)} ${Math.round(green)} ${Math.round(blue)})`;
};
