/**
 * Runs an example without a key and without a network: `npm run example -- fail-over`. The examples are written for real
 * providers; here their environment variables point to two simulated ones.
 */
import { readdirSync } from 'node:fs';
import { simulatedServer } from 'llm-transport/testing';

const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && file !== 'run.ts')
  .map((file) => file.slice(0, -'.ts'.length));
const name = process.argv[2] ?? '';
if (!names.includes(name)) {
  console.error(`Which example? One of: ${names.join(', ')}`);
  process.exit(2);
}

const primary = await simulatedServer({
  firstTokenMs: 20,
  tokenMs: 1,
  script: name === 'fail-over' ? ['http-503'] : [],
});
const backup = await simulatedServer({ firstTokenMs: 20, tokenMs: 1 });
process.env.OPENAI_BASE_URL = primary.baseURL;
process.env.OPENAI_API_KEY = 'sk-simulated';
process.env.BACKUP_BASE_URL = backup.baseURL;
process.env.BACKUP_API_KEY = 'sk-simulated';
try {
  await import(`./${name}.ts`);
} finally {
  await primary.close();
  await backup.close();
}
