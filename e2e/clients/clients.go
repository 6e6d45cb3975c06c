// Package clients holds Confab against the official clients, unmodified: the
// AWS CLI, boto3, the AWS SDKs for Go and JavaScript, and the IVS Chat client
// SDK for JavaScript in Node and in Chromium. Each of them is told an endpoint
// and nothing else.
//
// It needs node, python3 with boto3, the AWS CLI, Chromium (CHROMIUM names
// another than /usr/bin/chromium), and the npm packages of e2e/clients/node and
// examples/browser, which "make setup" installs.
package clients
