package secret

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// FromSecretsManager returns a Read of the secret with the given name or ARN. The AWS configuration is
// loaded, and the client created, by the first read, so that it overlaps with the function's start.
func FromSecretsManager(load func() (aws.Config, error), secretID string) Read {
	client := sync.OnceValues(func() (*secretsmanager.Client, error) {
		cfg, err := load()
		if err != nil {
			return nil, err
		}
		return secretsmanager.NewFromConfig(cfg, regionOf(secretID)), nil
	})
	return func(ctx context.Context) (string, error) {
		c, err := client()
		if err != nil {
			return "", err
		}
		out, err := c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(secretID)})
		if err != nil {
			return "", err
		}
		if out.SecretString != nil {
			return *out.SecretString, nil
		}
		if out.SecretBinary != nil {
			return string(out.SecretBinary), nil
		}
		return "", errors.New("the secret is empty")
	}
}

// regionOf sets the region to that of an ARN; for a secret's name the region is the function's own.
func regionOf(secretID string) func(*secretsmanager.Options) {
	parts := strings.SplitN(secretID, ":", 5) // arn:partition:service:region:…
	return func(o *secretsmanager.Options) {
		if len(parts) == 5 && parts[0] == "arn" {
			o.Region = parts[3]
		}
	}
}
