// The adapter of NestJS against Nest 12 and 11, on Express and on Fastify. Decorators are called as the functions that they are.
import { createRequire } from 'node:module';
import type { Readable } from 'node:stream';
import 'reflect-metadata';
import type { ArgumentsHost, MiddlewareConsumer } from '@nestjs/common';
import * as common12 from '@nestjs/common';
import * as core12 from '@nestjs/core';
import { ExpressAdapter as Express12 } from '@nestjs/platform-express';
import { FastifyAdapter as Fastify12 } from '@nestjs/platform-fastify';
import { describe, expect, it } from 'vitest';
import { NestLogger, RequestLogModule } from './nest.js';
import { adapterSuite, type Scenario, type StartOptions } from './test-kit/adapter-suite.js';
import { ask } from './test-kit/http-client.js';
import { pinoLines } from './test-kit/lines.js';

const require11 = createRequire(new URL('../../../test/peers/nest-11/package.json', import.meta.url));
const common11 = require11('@nestjs/common') as typeof common12;
const core11 = require11('@nestjs/core') as typeof core12;
const { ExpressAdapter: Express11 } = require11('@nestjs/platform-express') as { ExpressAdapter: typeof Express12 };
const { FastifyAdapter: Fastify11 } = require11('@nestjs/platform-fastify') as { FastifyAdapter: typeof Fastify12 };

type Common = typeof common12;
type Adapter = Parameters<typeof core12.NestFactory.create>[1];
interface Sent {
  pipe?: (to: unknown) => unknown;
}

/** A controller with the routes of the scenario. */
function controllerOf(
  { Controller, Get, Post, Param, Body, Res, HttpCode, StreamableFile }: Common,
  scenario: Scenario,
  fastify: boolean,
) {
  class Users {
    user(id: string) {
      return scenario.user(id);
    }
    held(n: string) {
      return scenario.held(n);
    }
    echo(body: unknown) {
      return scenario.echo(body);
    }
    stream() {
      return new StreamableFile(scenario.stream() as Readable);
    }
    endless(res: { send(body: unknown): void }) {
      const stream = scenario.endless() as Readable & Sent;
      if (fastify) res.send(stream);
      else stream.pipe(res as never);
    }
    waits() {
      return scenario.waits();
    }
    throws() {
      return scenario.throws();
    }
    healthz() {
      return 'ok';
    }
  }
  const { prototype } = Users;
  const on = (name: keyof Users, decorator: MethodDecorator) =>
    decorator(prototype, name, Object.getOwnPropertyDescriptor(prototype, name)!);
  Param('id')(prototype, 'user', 0);
  Param('n')(prototype, 'held', 0);
  Body()(prototype, 'echo', 0);
  Res()(prototype, 'endless', 0);
  on('user', Get('users/:id'));
  on('held', Get('held/:n'));
  on('echo', Post('echo'));
  on('echo', HttpCode(200));
  on('stream', Get('stream'));
  on('endless', Get('endless'));
  on('waits', Get('waits'));
  on('throws', Get('throws'));
  on('healthz', Get('healthz'));
  Controller()(Users);
  return Users;
}

function starter(common: Common, core: typeof core12, adapter: () => Adapter, fastify: boolean) {
  return async ({ scenario, registrations }: StartOptions) => {
    class App {}
    common.Module({
      imports: Array.from({ length: registrations }, () => RequestLogModule.forRoot({ logger: scenario.logger })),
      controllers: [controllerOf(common, scenario, fastify)],
    })(App);
    const app = await core.NestFactory.create(App, adapter(), { logger: false, forceCloseConnections: true });
    await app.listen(0, '127.0.0.1');
    return { url: (await app.getUrl()).replace('[::1]', '127.0.0.1'), close: () => app.close() };
  };
}

adapterSuite(
  'Nest 12 on Express',
  starter(common12, core12, () => new Express12(), false),
);
adapterSuite(
  'Nest 12 on Fastify',
  starter(common12, core12, () => new Fastify12() as unknown as Adapter, true),
);
adapterSuite(
  'Nest 11 on Express',
  starter(common11, core11, () => new Express11(), false),
);
adapterSuite(
  'Nest 11 on Fastify',
  starter(common11, core11, () => new Fastify11() as unknown as Adapter, true),
);

describe.each([
  ['Nest 12 on Express', common12, core12, () => new Express12()],
  ['Nest 12 on Fastify', common12, core12, () => new Fastify12() as unknown as Adapter],
  ['Nest 11 on Express', common11, core11, () => new Express11()],
  ['Nest 11 on Fastify', common11, core11, () => new Fastify11() as unknown as Adapter],
])('errors of %s', (_name, common, core, adapter) => {
  it('are in the record wherever they are thrown, and whoever answers them', async () => {
    const { lines, logger } = pinoLines();
    const { Module, Controller, Get, Param, UseGuards, UseInterceptors, UseFilters, ParseIntPipe, Catch } = common;
    const thrower = (where: string) => () => {
      throw new RangeError(`${where} password=hunter2`);
    };
    class Answering {
      catch(_error: unknown, host: ArgumentsHost) {
        const response = host.switchToHttp().getResponse<{ status(code: number): { send(body: string): void } }>();
        response.status(418).send('teapot');
      }
    }
    Catch(RangeError)(Answering);
    class Things {
      guarded() {}
      refused() {}
      piped() {}
      intercepted() {}
      handled() {
        thrower('handler')();
      }
    }
    const { prototype } = Things;
    const on = (name: keyof Things, ...decorators: (MethodDecorator & ClassDecorator)[]) => {
      for (const decorator of [Get(name), ...decorators] as MethodDecorator[]) {
        decorator(prototype, name, Object.getOwnPropertyDescriptor(prototype, name)!);
      }
    };
    Param('id', ParseIntPipe)(prototype, 'piped', 0);
    on('guarded', UseGuards({ canActivate: thrower('guard') }));
    on('refused', UseGuards({ canActivate: async () => false }));
    on('piped');
    on('intercepted', UseInterceptors({ intercept: thrower('interceptor') }));
    on('handled', UseFilters(new Answering()));
    Controller()(Things);
    class App {
      configure(consumer: MiddlewareConsumer) {
        consumer
          .apply(() => {
            throw new Error('middleware password=hunter2');
          })
          .forRoutes('middleware');
      }
    }
    Module({
      imports: [RequestLogModule.forRoot({ logger })],
      controllers: [Things],
      providers: [{ provide: 'APP_FILTER', useClass: Answering }],
    })(App);
    const app = await core.NestFactory.create(App, adapter(), { logger: false, forceCloseConnections: true });
    await app.listen(0, '127.0.0.1');
    const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
    for (const path of ['guarded', 'refused', 'piped', 'intercepted', 'handled', 'middleware']) {
      await ask(`${url}/${path}`);
    }
    const records = await lines.recordsWhen(6);
    await app.close();
    expect(records).toMatchObject([
      { status: 418, level: 40, err: { type: 'RangeError', message: 'guard password=[Redacted]' } },
      { status: 403, level: 40, err: { type: 'ForbiddenException' } },
      { status: 400, level: 40, err: { type: 'BadRequestException' } },
      { status: 418, level: 40, err: { message: 'interceptor password=[Redacted]' } },
      { status: 418, level: 40, err: { message: 'handler password=[Redacted]' } },
      { status: 500, level: 50, err: { message: 'middleware password=[Redacted]' } },
    ]);
  });
});

describe('Nest', () => {
  it('takes options from providers, leaves routes out, and logs for Nest itself', async () => {
    const { lines, logger } = pinoLines();
    const { Module, Controller, Get, HttpException } = common12;
    class Things {
      one() {
        return 'one';
      }
      refused() {
        throw new HttpException('not yours, token=hunter2', 403);
      }
      hidden() {
        return 'hidden';
      }
    }
    for (const [name, path] of [
      ['one', 'one'],
      ['refused', 'refused'],
      ['hidden', 'hidden'],
    ] as const) {
      Get(path)(Things.prototype, name, Object.getOwnPropertyDescriptor(Things.prototype, name)!);
    }
    Controller('things')(Things);
    class Config {}
    Module({ providers: [{ provide: 'LEVEL', useValue: 'warn' }], exports: ['LEVEL'] })(Config);
    class App {}
    Module({
      imports: [
        RequestLogModule.forRootAsync({
          imports: [Config],
          inject: ['LEVEL'],
          useFactory: async (level: string) => ({ logger, useLevel: level as 'warn', exclude: ['things/hidden'] }),
        }),
      ],
      controllers: [Things],
    })(App);
    const app = await core12.NestFactory.create(App, new Express12(), {
      bufferLogs: true,
      forceCloseConnections: true,
    });
    app.useLogger(app.get(NestLogger));
    await app.listen(0, '127.0.0.1');
    const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
    for (const path of ['one', 'refused', 'hidden']) await ask(`${url}/things/${path}`);
    const records = await lines.recordsWhen(2);
    await app.close();
    expect(records).toMatchObject([
      { level: 40, route: '/things/one', controller: 'Things', handler: 'one' },
      {
        level: 40,
        status: 403,
        handler: 'refused',
        err: { message: 'not yours, token=[Redacted]' },
        msg: 'request completed',
      },
    ]);
    expect(records.length).toBe(2);
    expect(lines.all().filter(({ context }) => context === 'RouterExplorer').length).toBeGreaterThan(0);
  });

  it('logs through NestLogger as Nest calls it', () => {
    const { lines, logger } = pinoLines('trace');
    const nest = new NestLogger(logger);
    nest.log('started', 'NestFactory');
    nest.warn({ a: 1 }, 'Ctx');
    nest.debug('with', { more: 1 }, 'Ctx');
    nest.verbose('plain');
    nest.error('failed', new Error('x').stack, 'Ctx');
    nest.error(new TypeError('typed'), undefined, 'Ctx');
    nest.fatal('over');
    const unreadable = Object.defineProperty({}, 'bad', {
      enumerable: true,
      get: () => {
        throw new Error('x');
      },
    });
    nest.log(unreadable, 'Ctx');
    nest.error(Object.create(null), new Error('x').stack, 'Ctx');
    expect(lines.all()).toMatchObject([
      { level: 30, msg: 'started', context: 'NestFactory' },
      { level: 40, a: 1, context: 'Ctx' },
      { level: 20, msg: 'with', args: [{ more: 1 }], context: 'Ctx' },
      { level: 10, msg: 'plain' },
      { level: 50, msg: 'failed', context: 'Ctx', err: { message: 'failed' } },
      { level: 50, msg: 'typed', context: 'Ctx', err: { type: 'TypeError' } },
      { level: 60, msg: 'over' },
      { level: 30, context: 'Ctx', message: expect.anything() },
      { level: 50, msg: '[unreadable]', context: 'Ctx', err: { stack: expect.any(String) } },
    ]);
  });

  it('refuses wrong options when the application starts', async () => {
    class App {}
    common12.Module({ imports: [RequestLogModule.forRoot({ genReqID: () => 1 } as object)] })(App);
    await expect(
      core12.NestFactory.create(App, new Express12(), { logger: false, abortOnError: false }),
    ).rejects.toThrow('did you mean `genReqId`?');
  });
});
