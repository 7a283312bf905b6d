// #region draft
import { type Transport, TransportError } from 'llm-transport';

/** Drafts a reply to a customer. `undefined`: no model can be reached, so a person writes it. */
export async function draft(llm: Transport, letter: string): Promise<string | undefined> {
  const messages = [
    { role: 'system', content: 'Draft a short, friendly reply.' },
    { role: 'user', content: letter },
  ] as const;
  try {
    const { text, finishReason } = await llm.complete({ messages, maxOutputTokens: 300 }, { timeoutMs: 20_000 });
    return finishReason === 'stop' ? text : undefined;
  } catch (error) {
    if (TransportError.is(error) && error.blame !== 'caller') return undefined;
    throw error; // a mistake of ours, and not the providers'
  }
}
// #endregion
