// NestJS: one record a request with its controller and handler, and the request's context on every line, whoever logs it.
import { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { Controller, Get, Inject, Injectable, Module, Param, StreamableFile } from '@nestjs/common';
import { addContext, countInRecord } from '@spillway/middleware';
import { NestLogger, RequestLogModule } from '@spillway/middleware/nest';
import { logger } from './logger.js';

/** Knows nothing of requests, and still its lines carry the id of the one it works for. */
@Injectable()
class Users {
  constructor(@Inject(NestLogger) private readonly log: NestLogger) {}

  async find(id: string): Promise<{ id: string; name: string }> {
    countInRecord('db_queries');
    await wait(5);
    this.log.log('user found', Users.name);
    return { id, name: `user ${id}` };
  }
}

@Controller()
class App {
  constructor(private readonly users: Users) {}

  @Get('users/:id')
  user(@Param('id') id: string): Promise<object> {
    addContext({ user: id });
    return this.users.find(id);
  }

  @Get('broken')
  broken(): never {
    throw new TypeError('out of order, token=hunter2');
  }

  @Get('stream')
  stream(): StreamableFile {
    async function* parts(): AsyncGenerator<string> {
      for (let part = 0; part < 3; part++) {
        await wait(5);
        logger.info({ part }, 'streaming');
        yield 'x'.repeat(1000);
      }
    }
    return new StreamableFile(Readable.from(parts(), { objectMode: false }));
  }

  @Get('healthz')
  health(): string {
    return 'ok';
  }
}

@Module({ imports: [RequestLogModule.forRoot({ logger })], controllers: [App], providers: [Users] })
export class AppModule {}
