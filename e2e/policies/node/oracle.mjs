// Answers questions about IAM policies, one a line: a question on standard input, the
// decision on standard output, both in JSON.
//
// The evaluator, @cloud-copilot/iam-simulate, is AGPL-3.0. It is installed from the
// lock file for this test only and runs in this process of its own: nothing of it is
// linked into Confab, built into it, or shipped with it.
import { createInterface } from 'node:readline'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const account = '123456789012'

async function decide({ policies, action, resource, context }) {
  const answer = await runSimulation({
    identityPolicies: policies.map((policy, i) => ({ name: `policy${i}`, policy })),
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    request: {
      principal: `arn:aws:iam::${account}:user/alice`,
      action,
      resource: { resource, accountId: account },
      contextVariables: context
    }
  }, {})
  if (answer.errors) {
    return { decision: answer.errors.identityPolicyErrors ? 'refused' : 'error', detail: JSON.stringify(answer.errors) }
  }
  const ignored = answer.result.ignoredContextKeys
  if (ignored.length > 0) {
    return { decision: 'error', detail: `unknown context keys: ${ignored}` }
  }
  return { decision: { Allowed: 'allowed', ExplicitlyDenied: 'explicitDeny', ImplicitlyDenied: 'implicitDeny' }[answer.overallResult] }
}

for await (const line of createInterface({ input: process.stdin })) {
  const answer = await decide(JSON.parse(line)).catch(error => ({ decision: 'error', detail: String(error.stack) }))
  console.log(JSON.stringify(answer))
}
