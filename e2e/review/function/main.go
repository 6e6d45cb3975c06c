// Function is a message review handler for AWS Lambda, as people write them.
package main

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"

	"confab/e2e/review"
)

func main() {
	lambda.Start(func(_ context.Context, e review.Event) (*review.Result, error) { return review.Answer(e) })
}
