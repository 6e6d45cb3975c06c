// Builds the console into a temporary directory and compares it with what is
// committed. Compressed files are compared by what is in them: another version of
// Node may compress in another way.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

const web = fileURLToPath(new URL('.', import.meta.url));
const committed = join(web, '../dist');
const built = mkdtempSync(join(tmpdir(), 'confab-console-'));

function content(dir) {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((f) => f.isFile());
  return new Map(files.map((f) => {
    const path = join(f.parentPath, f.name);
    const bytes = readFileSync(path);
    return [path.slice(dir.length), f.name.endsWith('.gz') ? gunzipSync(bytes) : bytes];
  }));
}

try {
  execFileSync('npx', ['vite', 'build', '--logLevel', 'warn', '--outDir', built], { cwd: web, stdio: 'inherit' });
  const [want, have] = [content(built), content(committed)];
  const different = [...new Set([...want.keys(), ...have.keys()])].filter((name) => !want.get(name)?.equals(have.get(name) ?? Buffer.alloc(0)));
  if (different.length > 0) {
    console.error(`internal/console/dist is not what internal/console/web builds: run "make console" and commit the result\n  ${different.sort().join('\n  ')}`);
    process.exitCode = 1;
  }
} finally {
  rmSync(built, { recursive: true });
}
