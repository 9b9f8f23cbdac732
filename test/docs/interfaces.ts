// Option tables from TypeScript: for packages whose options are interfaces, documented where they are declared.
// In: a source file and the name of an interface. Out: a row for each member, those of the interfaces that it extends first.
// Invariant: a member without documentation is an error, so that no option is left out or left unexplained.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';

/** A member of an interface. */
export interface Member {
  readonly name: string;
  readonly type: string;
  readonly default: string;
  readonly doc: string;
}

/** The members of an interface, as its source documents them. */
export function membersOf(path: string, name: string): Member[] {
  const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true);
  const found = file.statements.find((node) => ts.isInterfaceDeclaration(node) && node.name.text === name);
  if (found === undefined) throw new Error(`${path} has no interface ${name}`);
  const declaration = found as ts.InterfaceDeclaration;
  const inherited = (declaration.heritageClauses ?? [])
    .flatMap(({ types }) => types)
    .flatMap((base) => membersOf(...placeOf(base, file, path)));
  return [...inherited, ...declaration.members.map((member) => describe(member, name))];
}

/** Where the interface that another one extends is declared: `Base`, or `Partial<Base>`. */
function placeOf(base: ts.ExpressionWithTypeArguments, file: ts.SourceFile, path: string): [string, string] {
  const inner =
    base.expression.getText() === 'Partial' ? base.typeArguments?.[0]?.getText() : base.expression.getText();
  const name = inner ?? '';
  for (const node of file.statements) {
    if (!ts.isImportDeclaration(node) || !ts.isStringLiteral(node.moduleSpecifier)) continue;
    const bindings = node.importClause?.namedBindings;
    if (bindings === undefined || !ts.isNamedImports(bindings)) continue;
    if (bindings.elements.some((element) => element.name.text === name)) {
      return [join(dirname(path), node.moduleSpecifier.text.replace(/\.js$/, '.ts')), name];
    }
  }
  return [path, name];
}

function describe(member: ts.TypeElement, owner: string): Member {
  if (!ts.isPropertySignature(member)) throw new Error(`${owner} has a member that is no property`);
  const name = member.name.getText();
  const [comment] = ts.getJSDocCommentsAndTags(member).filter(ts.isJSDoc);
  const doc = spaced(ts.getTextOfJSDocComment(comment?.comment) ?? '');
  if (doc === '') throw new Error(`${owner}.${name} is not documented`);
  const tag = comment?.tags?.find(({ tagName }) => tagName.text === 'default');
  const [fallback = '', ...source] = spaced(ts.getTextOfJSDocComment(tag?.comment) ?? '').split(
    /(?<=['\]\w)}])(?= [A-Z])/,
  );
  return {
    name,
    type: spaced(member.type?.getText() ?? '').replaceAll('readonly ', ''),
    default: member.questionToken === undefined && fallback === '' ? 'required' : fallback || '–',
    doc: [doc, ...source.map((text) => `(${text.trim()}.)`)].join(' '),
  };
}

function spaced(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}
