// Package logging tests chat logging of the built server with real destinations: moto_server
// for S3, CloudWatch Logs and Firehose, and versitygw as another S3. The clients are the AWS
// SDK for Go, the official chat client in Node, and WebSockets. It needs moto_server, node and
// the npm packages of e2e/clients/node, which "make setup" installs.
package logging
