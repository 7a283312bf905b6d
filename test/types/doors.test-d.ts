/** What the types promise at the doors to frameworks. Compiled, never run. */

import { createOpenAI } from '@ai-sdk/openai';
import type { LanguageModelV2, LanguageModelV3, LanguageModelV4, ProviderV4 } from '@ai-sdk/provider';
import type { BaseChatModel } from '@langchain/core/language_models/chat_models';
import type { AIMessageChunk } from '@langchain/core/messages';
import { createProviderRegistry, generateText, type LanguageModel, streamText } from 'ai';
import * as z from 'zod';
import { createTransport, type Provider, type Transport } from '../../src/index.ts';
import { languageModel, languageModelProvider, type TransportLanguageModel } from '../../src/integrations/ai-sdk.ts';
import { chatModel } from '../../src/integrations/langchain.ts';
import { type AiSdkModel, aiSdk } from '../../src/providers/ai-sdk.ts';
import { exactly } from './exactly.ts';

declare const llm: Transport;
declare const v2: LanguageModelV2;
declare const v3: LanguageModelV3;
declare const v4: LanguageModelV4;

// Models of all specifications are providers, and nothing else is.
exactly<Provider>()(aiSdk({ model: v4 }));
for (const model of [v2, v3, v4, createOpenAI().chat('gpt-5.5')] satisfies AiSdkModel[])
  createTransport({ providers: [aiSdk({ model })] });
// @ts-expect-error a name is no model
aiSdk({ model: 'gpt-5.5' });
// @ts-expect-error there is no such option
aiSdk({ model: v4, maxRetries: 2 });

// A transport is a model of the newest specification, exactly.
exactly<TransportLanguageModel>()(languageModel(llm));
exactly<LanguageModelV4>()(languageModel(llm));
const model: LanguageModel = languageModel(llm, { model: 'gpt-5.5', supportedUrls: { 'image/*': [/^https:/] } });
exactly<Promise<string>>()(generateText({ model, prompt: 'Hello' }).then(({ text }) => text));
streamText({ model, prompt: 'Hello' });
const provider: ProviderV4 = languageModelProvider(llm);
createProviderRegistry({ llm: provider, same: languageModelProvider(llm) }).languageModel('llm:auto');
// @ts-expect-error the model is the name of one
languageModel(llm, { model: 5 });

// A chat model is LangChain's, with what was asked for in its own type.
const chat = chatModel(llm, { request: { temperature: 0 }, call: { priority: 'batch' }, tags: ['x'] });
chat satisfies BaseChatModel;
exactly<Promise<AIMessageChunk>>()(chat.invoke('Hello'));
const person = chat.withStructuredOutput(z.object({ name: z.string() }));
exactly<Promise<{ name: string }>>()(person.invoke('Who?'));
exactly<Promise<Record<string, unknown>>>()(chat.withStructuredOutput({ type: 'object' }).invoke('Who?'));
const both = chat.withStructuredOutput(z.object({ name: z.string() }), { includeRaw: true });
exactly<Promise<{ name: string }>>()(both.invoke('Who?').then(({ parsed }) => parsed));
// @ts-expect-error it has no retries of its own
chatModel(llm, { maxRetries: 2 });
// @ts-expect-error the priority is one of three
chat.invoke('Hello', { call: { priority: 'now' } });
