// All 17 operations with the AWS SDK for JavaScript.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as ivschat from '@aws-sdk/client-ivschat';
import { api } from './support.mjs';

const done = new Set();

function call(operation, members = {}) {
  done.add(operation);
  return api.send(new ivschat[`${operation}Command`](members));
}

test('all operations', async (t) => {
  const lambda = 'arn:aws:lambda:us-west-2:123456789012:function:review';
  const logging = await call('CreateLoggingConfiguration', {
    name: 'logs', destinationConfiguration: { cloudWatchLogs: { logGroupName: '/chat/logs' } }, tags: { team: 'chat' },
  });
  await t.test('CreateLoggingConfiguration', () => {
    assert.equal(logging.state, 'ACTIVE');
    assert.ok(logging.createTime instanceof Date);
    assert.deepEqual(logging.destinationConfiguration, { cloudWatchLogs: { logGroupName: '/chat/logs' } });
  });
  await t.test('GetLoggingConfiguration', async () => {
    const got = await call('GetLoggingConfiguration', { identifier: logging.arn });
    assert.equal(got.name, 'logs');
    assert.deepEqual(got.tags, { team: 'chat' });
  });
  await t.test('UpdateLoggingConfiguration', async () => {
    const got = await call('UpdateLoggingConfiguration', { identifier: logging.arn, destinationConfiguration: { s3: { bucketName: 'chat-logs' } } });
    assert.deepEqual(got.destinationConfiguration, { s3: { bucketName: 'chat-logs' } });
  });
  await t.test('ListLoggingConfigurations', async () => {
    const all = [];
    for await (const page of ivschat.paginateListLoggingConfigurations({ client: api, pageSize: 1 }, {})) all.push(...page.loggingConfigurations);
    done.add('ListLoggingConfigurations');
    assert.ok(all.some((c) => c.arn === logging.arn));
  });

  const room = await call('CreateRoom', {
    name: 'js', maximumMessageRatePerSecond: 100, tags: { team: 'chat' },
    messageReviewHandler: { uri: lambda, fallbackResult: 'DENY' }, loggingConfigurationIdentifiers: [logging.arn],
  });
  await t.test('CreateRoom', () => {
    assert.equal(room.maximumMessageLength, 500);
    assert.equal(room.maximumMessageRatePerSecond, 100);
    assert.ok(room.updateTime instanceof Date);
    assert.ok(room.$metadata.requestId);
  });
  await t.test('GetRoom', async () => {
    const { $metadata: a, ...got } = await call('GetRoom', { identifier: room.arn });
    const { $metadata: b, ...made } = room;
    assert.deepEqual(got, made);
  });
  await t.test('UpdateRoom', async () => {
    const got = await call('UpdateRoom', { identifier: room.arn, messageReviewHandler: { uri: '' } });
    assert.equal(got.messageReviewHandler?.uri ?? '', '');
    assert.equal(got.name, 'js');
  });
  await t.test('ListRooms', async () => {
    const all = [];
    for await (const page of ivschat.paginateListRooms({ client: api, pageSize: 1 }, { name: 'js' })) all.push(...page.rooms);
    done.add('ListRooms');
    assert.deepEqual(all.map((r) => r.arn), [room.arn]);
  });
  await t.test('CreateChatToken', async () => {
    const token = await call('CreateChatToken', { roomIdentifier: room.arn, userId: 'u', attributes: { name: 'Ann' } });
    assert.ok(token.token);
    assert.ok(token.tokenExpirationTime instanceof Date && token.sessionExpirationTime instanceof Date);
  });
  await t.test('SendEvent, DeleteMessage and DisconnectUser', async () => {
    const { id } = await call('SendEvent', { roomIdentifier: room.arn, eventName: 'app:hello', attributes: { a: 'b' } });
    assert.match(id, /^[a-zA-Z0-9]{12}$/);
    assert.match((await call('DeleteMessage', { roomIdentifier: room.arn, id, reason: 'spam' })).id, /^[a-zA-Z0-9]{12}$/);
    await call('DisconnectUser', { roomIdentifier: room.arn, userId: 'u', reason: 'spam' });
  });
  await t.test('TagResource, UntagResource and ListTagsForResource', async () => {
    await call('TagResource', { resourceArn: room.arn, tags: { 'a b': 'c/d', x: 'y' } });
    await call('UntagResource', { resourceArn: room.arn, tagKeys: ['x', 'not there'] });
    assert.deepEqual((await call('ListTagsForResource', { resourceArn: room.arn })).tags, { team: 'chat', 'a b': 'c/d' });
  });
  await t.test('errors have the classes of the SDK', async () => {
    await assert.rejects(call('CreateRoom', { maximumMessageLength: 501 }), (e) => {
      assert.ok(e instanceof ivschat.ValidationException);
      assert.equal(e.reason, 'FIELD_VALIDATION_FAILED');
      assert.equal(e.fieldList[0].name, 'maximumMessageLength');
      assert.equal(e.$metadata.httpStatusCode, 400);
      return true;
    });
    await assert.rejects(call('DeleteLoggingConfiguration', { identifier: logging.arn }), ivschat.ConflictException);
  });
  await t.test('DeleteRoom and DeleteLoggingConfiguration', async () => {
    await call('DeleteRoom', { identifier: room.arn });
    await assert.rejects(call('GetRoom', { identifier: room.arn }), (e) => {
      assert.ok(e instanceof ivschat.ResourceNotFoundException);
      assert.equal(e.resourceType, 'ROOM');
      assert.equal(e.resourceId, room.id);
      return true;
    });
    await call('DeleteLoggingConfiguration', { identifier: logging.arn });
  });
  assert.equal(done.size, 17);
});
