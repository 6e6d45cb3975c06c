package config

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"confab/internal/quota"
)

var update = flag.Bool("update", false, "write usage.go and docs/configuration.md anew")

// TestReference holds usage.go, from which the help is made, and
// docs/configuration.md against the comments in Config.
func TestReference(t *testing.T) {
	comments := fieldComments(t)
	for name, want := range map[string][]byte{
		"usage.go":                    usageSource(t, comments),
		"../../docs/configuration.md": reference(comments),
	} {
		if *update {
			if err := os.WriteFile(name, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s does not say what the comments of Config say (%v); run go generate ./internal/config", name, err)
		}
	}
}

// fieldComments returns the comment of every setting's field in Config. Field
// and setting have the same letters: AdminListen is admin-listen.
func fieldComments(t *testing.T) map[string]string {
	t.Helper()
	src, err := parser.ParseFile(token.NewFileSet(), "config.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	byLetters := map[string]string{}
	ast.Inspect(src, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != "Config" {
			return true
		}
		for _, f := range spec.Type.(*ast.StructType).Fields.List {
			if f.Names[0].IsExported() {
				byLetters[strings.ToLower(f.Names[0].Name)] = strings.Join(strings.Fields(f.Doc.Text()), " ")
			}
		}
		return false
	})
	comments := map[string]string{}
	for _, s := range Settings() {
		letters := strings.ToLower(strings.ReplaceAll(s.Name, "-", ""))
		if byLetters[letters] == "" {
			t.Errorf("no field of Config with a comment belongs to %s", s.Name)
		}
		comments[s.Name] = byLetters[letters]
		delete(byLetters, letters)
	}
	for letters := range byLetters {
		t.Errorf("the field %s of Config is no setting", letters)
	}
	return comments
}

func usageSource(t *testing.T, comments map[string]string) []byte {
	t.Helper()
	var b strings.Builder
	b.WriteString("// Code generated from the comments of Config by go generate; DO NOT EDIT.\n\npackage config\n\n")
	b.WriteString("// usage has the line of help of every setting.\nvar usage = map[string]string{\n")
	for _, s := range Settings() {
		fmt.Fprintf(&b, "%q: %q,\n", s.Name, comments[s.Name])
	}
	b.WriteString("}\n")
	src, err := format.Source([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func reference(comments map[string]string) []byte {
	var b bytes.Buffer
	b.WriteString(referenceIntroduction)
	for _, g := range groups {
		fmt.Fprintf(&b, "\n## %s\n\n| Setting | Default | Meaning |\n| --- | --- | --- |\n", g.title)
		for _, s := range g.settings {
			name := "`--" + s.Name
			switch {
			case s.EnvironmentOnly:
				name = "`" + s.Environment()
			case s.FileOnly:
				name = "`" + s.Name + ":"
			case s.Arg != "":
				name += " " + strings.ReplaceAll(s.Arg, "|", `\|`)
			}
			value := s.Default()
			if value != "" {
				value = "`" + value + "`"
			}
			fmt.Fprintf(&b, "| %s` | %s | %s |\n", name, value, strings.ReplaceAll(comments[s.Name], "|", `\|`))
		}
	}
	b.WriteString(referenceEnd)
	b.WriteString(referenceQuotas)
	numbers := quota.AWSNumbers()
	for _, name := range slices.Sorted(maps.Keys(numbers)) {
		perSecond := ""
		if strings.HasPrefix(string(name), "Rate of ") {
			perSecond = " a second"
		}
		fmt.Fprintf(&b, "| `%s` | %d%s |\n", name, numbers[name], perSecond)
	}
	return b.Bytes()
}

const referenceIntroduction = `<!-- Generated from internal/config by go generate; edit the comments there. -->

# Configuration

For operators: every setting of ` + "`confab serve`" + `. A setting is read from the first of these places that has it:

1. the flag, ` + "`--drain-time 1m`" + `;
2. the environment, ` + "`CONFAB_DRAIN_TIME=1m`" + `: the flag in capitals, with underscores (an empty variable counts as not set);
3. the YAML file in ` + "`--config`" + ` or ` + "`CONFAB_CONFIG`" + `, ` + "`drain-time: 1m`" + `: the flag without the leading dashes;
4. the default.

` + "`confab config`" + ` prints every value and the place it came from; secrets print as dots. If a value is not valid or the file has
an unknown name, the program ends with exit status 2 and one line that names the place and what is allowed. The commands that
work on the server's database, such as ` + "`confab credentials` and `confab keys`" + `, need the same settings of the groups Identity and
Data as the server.

Times are written as ` + "`200ms`, `30s`, `1h30m`" + `. Lists are separated by commas; in the file they may be YAML lists.
`

const referenceEnd = `
## With --dev

` + "`confab serve --dev`" + ` changes these defaults. It refuses listeners that other machines can reach, requests whose Host is not a loopback
name or address, and pages of other origins than ` + "`--cors-origins`" + ` (by default any page of this machine):

| Setting | Value |
| --- | --- |
| ` + "`CONFAB_ROOT_ACCESS_KEY_ID` | `" + DevAccessKeyID + "`" + ` (fixed) |
| ` + "`CONFAB_ROOT_SECRET_ACCESS_KEY` | `" + DevSecretAccessKey + "`" + ` (fixed) |
| ` + "`--account-id` | `" + DevAccountID + "`" + ` |
| ` + "`--data-dir` | `" + DevDataDir + "`" + ` |
| ` + "`--cors-origins` | `" + OriginsLoopback + "`" + ` |
| ` + "`--log-destinations` | `" + LogDestinationsLocal + "`" + ` |
| ` + "`--webhook-allow` | `127.0.0.0/8,::1/128`" + ` |
| ` + "`--webhook-insecure` | `true`" + ` |

## A file

` + "```yaml" + `
listen: 0.0.0.0:443
tls-cert: /etc/confab/fullchain.pem
tls-key: /etc/confab/key.pem
data-dir: /var/lib/confab
region: eu-central-1
account-id: 123456789012
trusted-proxies:
  - 10.0.0.0/8
drain-time: 1m
quotas: aws
serviceQuotas:
  Concurrent chat connections: 200000
  Rate of SendMessage requests across all your rooms: 5000
messageReviewHandlers:
  "arn:aws:lambda:*:function:words": http://127.0.0.1:9000/review
  "arn:aws:lambda:*:function:local-*": exec:./bootstrap
  "arn:aws:lambda:*:function:dev-*": lambda:service-dev-review
` + "```" + `

## Message review handlers

A room names its handler by the ARN of a Lambda function. ` + "`messageReviewHandlers`" + ` maps the ARN to a target. Every kind of target gets the
payload that Amazon IVS Chat sends, and must answer in the same way within ` + "`--review-timeout`" + `. There are no retries. Without a valid answer the
room's ` + "`fallbackResult`" + ` decides. One handler reviews at most 1,000 messages at the same time; for further ones the fallback result decides.

| Target | What happens |
| --- | --- |
| ` + "`lambda`" + `, ` + "`lambda:NAME`" + ` | Invoke (RequestResponse) through the AWS SDK, which finds credentials and endpoints in the environment, the AWS configuration files, the machine's role, and ` + "`AWS_ENDPOINT_URL_LAMBDA`" + `. The region is that of the ARN; for NAME it is the SDK's or ` + "`--region`" + `. When a room gets the handler, the function is invoked with DryRun |
| ` + "`http://…`, `https://…`" + ` | POST of the payload; the answer is the body of a response with a status from 200 to 299. Redirects are not followed. Idle connections are kept for 4 s. When a room gets the handler, nothing is checked |
| ` + "`exec:PROGRAM ARG…`" + ` | PROGRAM is a Lambda runtime program such as those built with aws-lambda-go; words are separated by spaces, quotes are not supported, and a relative path starts in the working directory of the server. One instance starts with the server; up to 16 run when messages overlap. Its environment is that of the server without ` + "`CONFAB_…`" + `, plus Lambda's variables. Its output is logged at level debug. Its Runtime API is a loopback port without a password, as in Lambda, so you must trust the other users of the machine. If the program does not exist, the room is refused |

Answers that are larger than 256 KiB, not valid or too late count as no answer.

## Destinations of chat logging

` + "`CreateLoggingConfiguration`" + ` names a bucket, a log group or a delivery stream. The server finds it through the AWS SDK. Credentials come from the server's environment, the AWS
configuration files or the machine's role. For servers that are not AWS but speak its protocols, set ` + "`AWS_ENDPOINT_URL_S3`" + `,
` + "`AWS_ENDPOINT_URL_CLOUDWATCH_LOGS` or `AWS_ENDPOINT_URL_FIREHOSE`" + `; then the bucket is part of the path (path style). The region is ` + "`--region`" + `.

| Destination | Needs | With ` + "`--log-destinations local`" + `, below the data directory |
| --- | --- | --- |
| S3 | ` + "`s3:PutObject`" + ` | ` + "`chat-logs/s3/BUCKET/AWSLogs/…/….log.gz`" + ` |
| CloudWatch Logs | ` + "`logs:CreateLogStream`, `logs:PutLogEvents`" + ` | ` + "`chat-logs/cloudWatchLogs/GROUP/aws/IVSChatLogs/1.0/room_ID.jsonl`" + ` |
| Firehose | ` + "`firehose:PutRecordBatch`" + ` | ` + "`chat-logs/firehose/STREAM.jsonl`" + ` |

Run ` + "`confab logging check LOGGING`" + ` in the environment of the server and with its settings. It gets the logging configuration from the server, writes one test
record to the destination, and prints where the record is or what is wrong. The record is an EVENT named ` + "`confab:LOGGING_CHECK`" + ` of a room ` + "`confab-check`" + `.
`

const referenceQuotas = `
## Service quotas

` + "`serviceQuotas`" + ` sets single account quotas, by the names that AWS Service Quotas has for them. They override ` + "`--quotas`" + `: with ` + "`quotas: aws`" + `
they are like a quota increase on AWS, and with ` + "`quotas: off`" + ` no other quota is in force. 0 sets no limit. At a quota, rooms and logging
configurations are refused with ServiceQuotaExceededException (402), and connections with the same name and 429. At a rate, calls get
ThrottlingException (429), and requests on a connection ERROR 429.

| Quota | With ` + "`quotas: aws`" + ` |
| --- | --- |
`
