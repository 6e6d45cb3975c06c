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

` + "`confab serve`" + ` takes each setting from the first of these places that has it:

1. the flag, ` + "`--drain-time 1m`" + `;
2. the environment, ` + "`CONFAB_DRAIN_TIME=1m`" + `: the flag in capitals, with underscores (an empty variable counts as not set);
3. the YAML file that ` + "`--config`" + ` or ` + "`CONFAB_CONFIG`" + ` names, ` + "`drain-time: 1m`" + `: the flag without the dashes in front;
4. the default.

` + "`confab config`" + ` prints every value and the place it came from; secrets print as dots. A value that cannot be used,
or a name in the file that is no setting, stops the program with one line that says where it stands and what is allowed (exit code 2).
The commands that work on the database beside a running server, ` + "`confab credentials` and `confab keys`" + `, need the same settings
of the groups Identity and Data as the server.

Times are written like ` + "`200ms`, `30s`, `1h30m`" + `. Lists are separated by commas; in the file they may be YAML lists.
`

const referenceEnd = `
## With --dev

` + "`confab serve --dev`" + ` changes these defaults. It refuses listeners that other machines could reach, requests whose Host is not a loopback
name or address, and pages of other origins than ` + "`--cors-origins`" + ` (the default: any page of this machine):

| Setting | Value |
| --- | --- |
| ` + "`CONFAB_ROOT_ACCESS_KEY_ID` | `" + DevAccessKeyID + "`" + ` (fixed) |
| ` + "`CONFAB_ROOT_SECRET_ACCESS_KEY` | `" + DevSecretAccessKey + "`" + ` (fixed) |
| ` + "`--account-id` | `" + DevAccountID + "`" + ` |
| ` + "`--data-dir` | `" + DevDataDir + "`" + ` |
| ` + "`--cors-origins` | `" + OriginsLoopback + "`" + ` |
| ` + "`--log-destinations` | `" + LogDestinationsLocal + "`" + ` |

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

A room names its handler by the ARN of a Lambda function; ` + "`messageReviewHandlers`" + ` says what stands behind it. Whatever that is, it gets the
payload that the service sends and answers as on the service, within ` + "`--review-timeout`" + `. It is asked once. Without a valid answer the
room's ` + "`fallbackResult`" + ` decides. One handler reviews at most 1000 messages at a time; the fallback result decides on those above.

| Target | What happens |
| --- | --- |
| ` + "`lambda`" + `, ` + "`lambda:NAME`" + ` | Invoke (RequestResponse) through the AWS SDK, which finds credentials and endpoints as everywhere: environment, files, the machine's role, ` + "`AWS_ENDPOINT_URL_LAMBDA`" + `. The region is the ARN's, that of NAME the SDK's or ` + "`--region`" + `. Associating a handler with a room asks for a dry run |
| ` + "`http://…`, `https://…`" + ` | POST of the payload; the answer is the body of a response with a status from 200 to 299. Redirects are not followed, connections are kept for 4 s. Associating a handler checks nothing |
| ` + "`exec:PROGRAM ARG…`" + ` | PROGRAM is a Lambda runtime program such as those built with aws-lambda-go; words are separated by spaces, there are no quotes, and a relative path begins at the working directory of the server. One instance starts with the server; up to 16 run when messages overlap. It finds our environment without ` + "`CONFAB_…`" + `, and Lambda's variables. What it writes is logged at the level debug. Its Runtime API is a port on loopback without a password, as in Lambda: other users of the machine must be trusted. Associating a handler whose program does not exist is refused |

An answer of more than 256 KiB, one that is not valid, and one that comes too late are none.

## Destinations of chat logging

` + "`CreateLoggingConfiguration`" + ` names a bucket, a log group or a delivery stream; where those are is the AWS SDK's configuration in the environment of the
server: credentials from the environment, files or the machine's role; real AWS, or whatever speaks its protocols behind ` + "`AWS_ENDPOINT_URL_S3`" + `,
` + "`AWS_ENDPOINT_URL_CLOUDWATCH_LOGS` and `AWS_ENDPOINT_URL_FIREHOSE`" + `. With an endpoint of your own, buckets are named in the path. The region is ` + "`--region`" + `.

| Destination | Needs | With ` + "`--log-destinations local`" + `, below the data directory |
| --- | --- | --- |
| S3 | ` + "`s3:PutObject`" + ` | ` + "`chat-logs/s3/BUCKET/AWSLogs/…/….log.gz`" + ` |
| CloudWatch Logs | ` + "`logs:CreateLogStream`, `logs:PutLogEvents`" + ` | ` + "`chat-logs/cloudWatchLogs/GROUP/aws/IVSChatLogs/1.0/room_ID.jsonl`" + ` |
| Firehose | ` + "`firehose:PutRecordBatch`" + ` | ` + "`chat-logs/firehose/STREAM.jsonl`" + ` |

` + "`confab logging check ARN`" + `, in the environment of the server and with its settings, asks the server for the logging configuration, writes one test record to its
destination and says where it is, or what is wrong. The record is an EVENT named ` + "`confab:LOGGING_CHECK`" + ` of a room ` + "`confab-check`" + `.
`

const referenceQuotas = `
## Service quotas

` + "`serviceQuotas`" + ` sets account quotas one by one, by the names that Service Quotas has for them, above what ` + "`--quotas`" + ` sets. Over
` + "`quotas: aws`" + ` it is what a quota increase is on AWS; with ` + "`quotas: off`" + ` it sets the only ones. 0 sets no limit. More rooms or
logging configurations are refused with ServiceQuotaExceededException (402), more connections with the same name and 429; a rate that is exceeded is
ThrottlingException (429), or ERROR 429 on a connection.

| Quota | With ` + "`quotas: aws`" + ` |
| --- | --- |
`
