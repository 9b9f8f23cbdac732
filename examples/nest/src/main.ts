// Starts the service. What Nest itself logs goes the same way as all other lines.
import 'reflect-metadata';
import type { Server } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { NestLogger } from '@spillway/middleware/nest';
import { AppModule } from './app.js';
import { logger } from './logger.js';

const app = await NestFactory.create(AppModule, { bufferLogs: true });
app.useLogger(app.get(NestLogger));
await app.listen(process.env.PORT ?? 3000);
const { port } = (app.getHttpServer() as Server).address() as { port: number };
logger.info({ port }, 'listening');
