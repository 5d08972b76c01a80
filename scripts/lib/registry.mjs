// A package registry on this machine, for tests: it has what npm needs to install and to publish, with tarballs in memory.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

const digest = (algorithm, encoding, bytes) => createHash(algorithm).update(bytes).digest(encoding);

export class Registry {
  #packages = new Map();
  #server;
  url;
  /** What npm has published, in order. */
  received = [];

  /** Starts a registry, which `close()` ends. */
  static async open() {
    const registry = new Registry();
    registry.#server = createServer((request, response) => registry.#answer(request, response));
    await new Promise((listening) => registry.#server.listen(0, '127.0.0.1', listening));
    registry.url = `http://127.0.0.1:${registry.#server.address().port}/`;
    return registry;
  }

  /** Publishes a tarball with the manifest that is in it. */
  publish(manifest, tarball) {
    const { name, version } = manifest;
    const versions = this.#packages.get(name) ?? new Map();
    this.#packages.set(name, versions.set(version, { manifest, tarball }));
  }

  /** Ends the registry, with the connections that npm left open. */
  close() {
    this.#server.closeAllConnections();
    return new Promise((closed) => this.#server.close(closed));
  }

  async #answer(request, response) {
    if (request.method === 'PUT') await this.#receive(request);
    const { url } = request;
    const [, name, , version] =
      /^\/((?:@[^/]+\/)?[^/]+)(\/-\/(.+)\.tgz)?$/.exec(decodeURIComponent(url)) ?? [];
    const versions = this.#packages.get(name);
    const found = version ? versions?.get(version)?.tarball : versions && this.#document(name);
    response.writeHead(found ? 200 : 404);
    response.end(found ?? '{}');
  }

  /** What npm sends to publish: the manifest, and the tarball as text. */
  async #receive(request) {
    const { versions, _attachments } = JSON.parse(await text(request));
    const [manifest] = Object.values(versions);
    const [{ data }] = Object.values(_attachments);
    this.publish(manifest, Buffer.from(data, 'base64'));
    this.received.push(`${manifest.name}@${manifest.version}`);
  }

  /** The document of a package: its versions, of which the last is the latest. */
  #document(name) {
    const versions = {};
    for (const [version, { manifest, tarball }] of this.#packages.get(name)) {
      const dist = {
        tarball: `${this.url}${name}/-/${version}.tgz`,
        shasum: digest('sha1', 'hex', tarball),
        integrity: `sha512-${digest('sha512', 'base64', tarball)}`,
      };
      versions[version] = { ...manifest, dist };
    }
    const latest = Object.keys(versions).at(-1);
    return JSON.stringify({ name, 'dist-tags': { latest }, versions });
  }
}
