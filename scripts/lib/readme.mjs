// Makes the README of the package from that of the repository, which has parts for both kinds of reader:
//
//   <!-- clone -->            from here only for readers in a clone, up to
//   <!-- /clone -->
//   <!-- installed            from here only for readers of the package (a comment in the repository is not shown), up to
//   /installed -->
//
// Links to files that are not packed are replaced by links into the repository, at the version's tag.

const CLONE = /^<!-- clone -->\n.*?^<!-- \/clone -->\n/gms;
const INSTALLED = /^<!-- installed\n(.*?)^\/installed -->\n/gms;
const LINK = /(\]\(|\bsrc(?:set)?=")(?![a-z]+:|#)([^)\s"#]+)/g;

/** `shipped` are the paths of what is packed. */
export function packedReadme(text, { homepage, version }, shipped) {
  const base = homepage.split('#')[0];
  const packed = text.replaceAll('\r', '').replace(CLONE, '').replace(INSTALLED, '$1');
  const left = /^(<!-- \/?(clone|installed)\b|\/installed -->).*/m.exec(packed);
  if (left) throw new Error(`README.md: "${left[0]}" has no counterpart`);
  return packed.replace(LINK, (link, opening, path) => {
    if (shipped.includes(path)) return link;
    // Pages for people, and the files themselves for pictures.
    const kind = opening === '](' ? 'blob' : 'raw';
    return `${opening}${base}/${kind}/v${version}/${path}`;
  });
}
