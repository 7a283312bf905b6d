import { toJsonSchema } from '@langchain/core/utils/json_schema';
import { isSerializableSchema } from '@langchain/core/utils/standard_schema';
import { isInteropZodSchema } from '@langchain/core/utils/types';
import type { JsonSchema, Schema, SchemaOption } from '../../core/types.ts';
import { fieldsOf } from './content.ts';

/** A schema in any form that LangChain takes, described, with what validates it where there is that. */
export interface DescribedSchema {
  readonly name: string;
  readonly description: string | undefined;
  readonly option: SchemaOption<unknown> & { readonly jsonSchema: JsonSchema };
}

/** Reads a schema: of zod, a Standard Schema, JSON Schema, or a function as OpenAI describes it. */
export function describedSchema(schema: object, givenName: string | undefined): DescribedSchema {
  const fields = fieldsOf(schema);
  const isSchema = isInteropZodSchema(schema) || isSerializableSchema(schema);
  const isFunction = !isSchema && typeof fields.name === 'string' && typeof fields.parameters === 'object';
  const described = isSchema ? toJsonSchema(schema) : isFunction ? fields.parameters : schema;
  const { $schema: _, ...jsonSchema } = described as Record<string, unknown>;
  const said = fields.description ?? jsonSchema.description;
  const named = givenName ?? (isFunction ? fields.name : jsonSchema.title);
  const name = typeof named === 'string' ? named.replace(/[^\w-]/g, '_').slice(0, 64) : '';
  return {
    name: name === '' ? 'extract' : name,
    description: typeof said === 'string' ? said : undefined,
    option: {
      jsonSchema,
      ...('~standard' in schema && { schema: schema as Schema<unknown> }),
      ...(name !== '' && { name }),
    },
  };
}
