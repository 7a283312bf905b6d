/**
 * Runs an example without a key and without a network: `npm run example -- fail-over`. The examples are written for real
 * providers; here their environment variables point to two simulated ones.
 */
import { readdirSync } from 'node:fs';
import { simulatedServer } from 'llm-transport/testing';

/** The folders whose files are examples that run by themselves, and end by themselves. */
const folders = ['', 'guides/', 'integrations/', 'layers/', 'strategies/'];

const names = folders.flatMap((folder) =>
  readdirSync(`${import.meta.dirname}/${folder}`)
    .filter((file) => file.endsWith('.ts') && file !== 'run.ts')
    .map((file) => folder + file.slice(0, -'.ts'.length)),
);
const name = process.argv[2] ?? '';
if (name === '--list') {
  console.log(names.join('\n'));
  process.exit();
}
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
// What the SDKs read from the environment when they are given nothing.
const simulated = 'sk-simulated';
delete process.env.ANTHROPIC_AUTH_TOKEN;
delete process.env.GOOGLE_API_KEY;
Object.assign(process.env, {
  OPENAI_BASE_URL: primary.baseURL,
  OPENAI_API_KEY: simulated,
  ANTHROPIC_BASE_URL: primary.url,
  ANTHROPIC_API_KEY: simulated,
  GOOGLE_GEMINI_BASE_URL: primary.url,
  GEMINI_API_KEY: simulated,
  BACKUP_BASE_URL: backup.baseURL,
  BACKUP_API_KEY: simulated,
  OPENROUTER_BASE_URL: backup.baseURL,
  OPENROUTER_API_KEY: simulated,
  OLLAMA_BASE_URL: backup.baseURL,
});
try {
  await import(`./${name}.ts`);
} finally {
  await primary.close();
  await backup.close();
}
