import 'reflect-metadata'
import { Controller, Module, ValidationPipe } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ClientProxyFactory, MessagePattern, Payload, Transport } from '@nestjs/microservices'
import { IsString, IsUUID, MaxLength, MinLength } from 'class-validator'
import { firstValueFrom } from 'rxjs'

// NestJS microservices over NATS, with its validation pipe on. `order` says which side this is.
// Its decorators are called as functions, because this file is not compiled.

class Request {}
IsUUID()(Request.prototype, 'id')
IsString()(Request.prototype, 'to')
MaxLength(63)(Request.prototype, 'to')
IsString()(Request.prototype, 'text')
MinLength(1)(Request.prototype, 'text')

class Bench {
  echo({ id }) {
    return { id, status: 'queued' }
  }
}
const echo = Object.getOwnPropertyDescriptor(Bench.prototype, 'echo')
Reflect.defineMetadata('design:paramtypes', [Request], Bench.prototype, 'echo')
Payload(new ValidationPipe())(Bench.prototype, 'echo', 0)
MessagePattern('bench.echo')(Bench.prototype, 'echo', echo)
Controller()(Bench)

class App {}
Module({ controllers: [Bench] })(App)

const optionsOf = ({ natsUrl }) => ({ transport: Transport.NATS, options: { servers: [natsUrl] } })

export async function serve(order) {
  const app = await NestFactory.createMicroservice(App, { ...optionsOf(order), logger: false })
  await app.listen()
}

export async function connect(order) {
  const client = ClientProxyFactory.create(optionsOf(order))
  await client.connect()
  return (request) => firstValueFrom(client.send('bench.echo', request))
}
