package deploy

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// statement is one of the deployer's policies.
type statement struct {
	Sid       string
	Action    []string
	Resource  []any
	Condition map[string]any
}

// unused has the permissions that CloudFormation's schemas name for what template.yaml does not have.
var unused = map[string]*regexp.Regexp{
	"no KMS key of the customer":              regexp.MustCompile(`^kms:|KmsKey$`),
	"no replica, import, stream or item":      regexp.MustCompile(`^dynamodb:(.*Item|Query|Scan|.*Replica|.*Import.*|(Enable|Disable|Update)Kinesis.*|UpdateContributorInsights)$|^kinesis:|^s3:ListBucket$|^logs:(CreateLogStream|DescribeLogStreams|PutLogEvents)$`),
	"no policy of a table":                    regexp.MustCompile(`^dynamodb:(Put|Delete)ResourcePolicy$`),
	"no file system":                          regexp.MustCompile(`^(elasticfilesystem|s3files):`),
	"no layer, code signing, capacity":        regexp.MustCompile(`^lambda:(GetLayerVersion|(Put|Delete)FunctionCodeSigningConfig|GetCodeSigningConfig|PassCapacityProvider|PutFunctionScalingConfig|AssociateRuntimeAlias)$`),
	"no server of the account's own":          regexp.MustCompile(`^codedeploy:RegisterOnPremisesInstance$`),
	"no log but CloudWatch's own":             regexp.MustCompile(`^firehose:`),
	"no policy or protection of a log group":  regexp.MustCompile(`^logs:(Put|Delete)(DataProtection|Index)Policy$|^logs:(PutBearerTokenAuthentication|PutLogGroupDeletionProtection|DeleteResourcePolicy)$`),
	"no policy of a topic":                    regexp.MustCompile(`^sns:PutDataProtectionPolicy$`),
	"no policy of a bus":                      regexp.MustCompile(`^events:(Put|Remove)Permission$`),
	"nobody may take a boundary away":         regexp.MustCompile(`^iam:DeleteRolePermissionsBoundary$`),
	"tags of APIs are POST and DELETE to IAM": regexp.MustCompile(`^apigateway:(Tag|Untag)Resource$`),
	"no actions of IAM, whatever they mean":   regexp.MustCompile(`^s3:(REST\.PUT\.OBJECT|GetObjectMetadata|getObject)$`),
}

// called has the permissions that no schema names, but a command or a service needs.
var called = map[string]string{
	"cloudformation:CreateChangeSet": "sam deploy", "cloudformation:DeleteChangeSet": "sam deploy", "cloudformation:DescribeChangeSet": "sam deploy",
	"cloudformation:DescribeStackEvents": "sam deploy", "cloudformation:DescribeStacks": "sam deploy", "cloudformation:ExecuteChangeSet": "sam deploy",
	"cloudformation:GetTemplateSummary": "sam deploy", "s3:PutObject": "sam deploy", "logs:DescribeQueryDefinitions": "the list handler alone reads a query",
	"execute-api:Invoke": "make canary", "lambda:InvokeFunction": "make canary", "lambda:InvokeFunctionUrl": "make canary", "kms:Decrypt": "make canary",
	"logs:DeleteLogDelivery": "API Gateway", "logs:GetLogDelivery": "API Gateway", "logs:ListLogDeliveries": "API Gateway", "logs:UpdateLogDelivery": "API Gateway",
}

// compositeAlarms are the actions that CloudWatch refuses for a composite alarm unless they are allowed on everything,
// although IAM's reference lists a resource:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
var compositeAlarms = []string{"cloudwatch:DescribeAlarms", "cloudwatch:PutCompositeAlarm"}

// TestTheDeployerMayDeployTheTemplateAndNothingElse holds deploy/deployer.yaml against CloudFormation's own descriptions of
// the template's resource types.
func TestTheDeployerMayDeployTheTemplateAndNothingElse(t *testing.T) {
	t.Parallel()
	got := script[struct {
		Needs      map[string][]string
		Roles      []string
		Services   []string
		Statements []statement
		Scopable   []string
		Trust      []map[string]any
	}](t, nil, "deployer.py", filepath.Join(root, "template.yaml"), filepath.Join(root, "deploy", "deployer.yaml"))

	allowed := map[string]bool{}
	for _, s := range got.Statements {
		for _, action := range s.Action {
			if strings.Contains(action, "*") {
				t.Errorf("%s allows %s, which is more than one action", s.Sid, action)
			}
			allowed[action] = true
		}
	}
	matched := map[string]bool{}
	for _, action := range slices.Sorted(maps.Keys(got.Needs)) {
		needed := true
		for reason, pattern := range unused {
			if pattern.MatchString(action) {
				needed, matched[reason] = false, true
			}
		}
		if needed && !allowed[action] {
			t.Errorf("deploy/deployer.yaml does not allow %s, which %v need", action, got.Needs[action])
		}
	}
	for reason := range unused {
		if !matched[reason] {
			t.Errorf("%s: no resource names such a permission", reason)
		}
	}
	for action := range allowed {
		if got.Needs[action] == nil && called[action] == "" {
			t.Errorf("deploy/deployer.yaml allows %s, which nothing needs", action)
		}
	}
	for action, by := range called {
		if !allowed[action] {
			t.Errorf("deploy/deployer.yaml does not allow %s, which %s needs", action, by)
		}
	}

	// Resources that have no name, or another one than the stack's.
	elsewhere := regexp.MustCompile(`:aws:transform/|:stack/aws-sam-cli-managed-default/|:::aws-sam-cli-managed-default-samclisourcebucket-\*/junction-refresh/|` +
		`"Ref":"Secret(Arns|KmsKeyArn)"|:execute-api:|:event-source-mapping:|:deploymentconfig:CodeDeployDefault\.|::/(apis|tags)|:rule/(\*/)?(RefreshRequested|ResultWebhook)-|:event-bus/\*|` +
		`\*(ResultArchive|ResultWebhookConnection|ResultWebhookDestination|RefreshSchedule)-|AWSServiceRoleForAmazonEventBridgeApiDestinations`)
	for _, s := range got.Statements {
		for _, r := range s.Resource {
			switch {
			case r == "*":
				for _, action := range s.Action {
					if slices.Contains(got.Scopable, action) && !slices.Contains(compositeAlarms, action) {
						t.Errorf("%s allows %s on everything, and it can be narrowed", s.Sid, action)
					}
				}
			case !strings.Contains(text(r), "${StackName}") && !elsewhere.MatchString(text(r)):
				t.Errorf("%s is not for this stack: %s", s.Sid, text(r))
			}
		}
		if strings.HasPrefix(s.Action[0], "iam:") && s.Sid != "LetEventBridgeCallEndpoints" {
			var roles []string
			for _, found := range regexp.MustCompile(`:role/\$\{StackName\}-(\w*)-?\*`).FindAllStringSubmatch(text(s.Resource), -1) {
				roles = append(roles, found[1])
			}
			want := got.Roles // and not the deployer's own, whose name begins with the stack's if its stack's does
			if s.Sid == "ConnectTheFunctionToAVpc" {
				want = []string{"RefreshRole"}
			}
			if diff := cmp.Diff(want, roles); diff != "" {
				t.Errorf("%s is for other roles than the template's: %s", s.Sid, diff)
			}
		}
		if slices.Contains(s.Action, "iam:PassRole") {
			services := s.Condition["StringEquals"].(map[string]any)["iam:PassedToService"].([]any)
			if diff := cmp.Diff(got.Services, texts(services)); diff != "" {
				t.Errorf("roles are passed to other services than the template's: %s", diff)
			}
		}
		if slices.Contains(s.Action, "iam:PutRolePolicy") && !strings.Contains(text(s.Condition), "iam:PermissionsBoundary") {
			t.Errorf("%s makes roles without a boundary", s.Sid)
		}
	}
	want := []map[string]any{{
		"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
		"Principal": map[string]any{"Federated": map[string]any{"Fn::If": []any{"HasProvider", map[string]any{"Ref": "OidcProviderArn"}, map[string]any{"Ref": "GitHub"}}}},
		"Condition": map[string]any{"StringEquals": map[string]any{
			"token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
			"token.actions.githubusercontent.com:sub": map[string]any{"Fn::Sub": "repo:${GitHubRepository}:environment:${GitHubEnvironment}"},
		}},
	}}
	if diff := cmp.Diff(want, got.Trust); diff != "" {
		t.Errorf("others than the repository's environment can have the role: %s", diff)
	}
}

// TestWorkflowsStoreNoKeyAndPinTheirActions by commit, because a tag can be moved.
func TestWorkflowsStoreNoKeyAndPinTheirActions(t *testing.T) {
	t.Parallel()
	names := must(filepath.Glob(filepath.Join(root, ".github", "workflows", "*.yml")))
	for _, name := range names {
		workflow := string(must(os.ReadFile(name)))
		for _, found := range regexp.MustCompile(`(?m)\buses: *(.*)$`).FindAllStringSubmatch(workflow, -1) {
			if !regexp.MustCompile(`^[\w/-]+@[0-9a-f]{40} # v\d+(\.\d+)*$`).MatchString(found[1]) {
				t.Errorf("%s uses %s, which is no commit with its version", name, found[1])
			}
		}
		if regexp.MustCompile(`(?i)aws-(access-key-id|secret-access-key|session-token)`).MatchString(workflow) {
			t.Errorf("%s has a stored key", name)
		}
	}
	deploy := string(must(os.ReadFile(filepath.Join(root, ".github", "workflows", "deploy.yml"))))
	for _, want := range []string{"id-token: write", "environment: production", "role-to-assume: ${{ vars.AWS_ROLE_ARN }}", "make deploy CONFIG_ENV=ci", "make canary"} {
		if !strings.Contains(deploy, want) {
			t.Errorf("the workflow does not have %q", want)
		}
	}
	if strings.Contains(deploy, "secrets.") {
		t.Error("the workflow needs a secret of GitHub's")
	}
}

// texts returns the texts of a list, sorted.
func texts(list []any) (sorted []string) {
	for _, value := range list {
		sorted = append(sorted, value.(string))
	}
	slices.Sort(sorted)
	return sorted
}
