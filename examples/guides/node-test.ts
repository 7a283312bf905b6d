// #region node-test
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTransport } from 'llm-transport';
import { simulated } from 'llm-transport/testing';
import { draft } from '../application/draft.ts';

test('a reply is drafted by the backup when the first provider is down', async () => {
  const primary = simulated({ name: 'primary', fault: 'http-503' });
  const backup = simulated({ name: 'backup', answer: ({ prompt }) => `Dear customer, you wrote: ${prompt}` });
  await using llm = createTransport({ providers: [primary, backup] });

  const text = await draft(llm, 'Where is my parcel?');

  assert.match(text ?? '', /Where is my parcel/);
  assert.equal(primary.requests.length, 1);
  assert.equal(backup.requests.length, 1);
});
// #endregion
