// How the console is built: index.html and assets with hashes in their names, which
// are compressed, so that the server has nothing to do with them.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// licenses writes the names, versions and licenses of what is in the bundle.
function licenses() {
  return {
    name: 'licenses',
    generateBundle() {
      const dirs = new Set();
      for (const id of this.getModuleIds()) {
        const dir = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(id.replaceAll('\0', ''))?.[0];
        if (dir?.startsWith('/')) dirs.add(dir);
      }
      const texts = [...dirs].map((dir) => {
        const { name, version, license } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'));
        const files = readdirSync(dir).filter((f) => /^(licen[cs]e|notice)/i.test(f)).sort();
        return [`${name} ${version} (${license})`, ...files.map((f) => readFileSync(join(dir, f), 'utf8').trim())].join('\n\n');
      });
      this.emitFile({ type: 'asset', name: 'licenses.txt', source: `${[...new Set(texts)].sort().join(`\n\n${'-'.repeat(78)}\n\n`)}\n` });
    },
  };
}

function compress() {
  return {
    name: 'compress',
    writeBundle({ dir }) {
      for (const name of readdirSync(join(dir, 'assets'))) {
        const path = join(dir, 'assets', name);
        writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
        rmSync(path);
      }
    },
  };
}

export default defineConfig({
  base: './',
  plugins: [react(), licenses(), compress()],
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 3000,
    reportCompressedSize: false,
  },
});
