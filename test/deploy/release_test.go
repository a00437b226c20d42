package deploy

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
	"github.com/junction-refresh/junction-refresh/test/harness"
)

// newestVersion returns the version of the changelog's newest release.
func newestVersion(t *testing.T) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^## (\d\S*) - \d{4}-\d\d-\d\d$`).FindStringSubmatch(harness.ReadFile(t, "CHANGELOG.md"))
	if found == nil {
		t.Fatal("CHANGELOG.md has no release")
	}
	return found[1]
}

// folder returns the files of a folder.
func folder(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, entry := range must(os.ReadDir(dir)) {
		files[entry.Name()] = must(os.ReadFile(filepath.Join(dir, entry.Name())))
	}
	return files
}

// makeRelease runs `make release` in a fresh clone, with the installed tools, and returns the files.
func makeRelease(t *testing.T, version string, env ...string) map[string][]byte {
	t.Helper()
	tool(t, ".tools/bin/cyclonedx-gomod")
	clone := newClone(t)
	if err := os.Symlink(filepath.Join(root, ".tools"), filepath.Join(clone.dir, ".tools")); err != nil {
		t.Fatal(err)
	}
	clone.env = append(clone.env, env...)
	// With the Go of this machine, so that no other one is downloaded. The tools are those that are installed.
	clone.run(t, "", "make", "--old-file=.tools/go.stamp", "release", "VERSION="+version, "RELEASE_GO=local")
	return folder(t, filepath.Join(clone.dir, "dist"))
}

func TestAReleaseIsTheSameBytesInEveryFolder(t *testing.T) {
	t.Parallel()
	version := newestVersion(t)
	first := makeRelease(t, version)
	second := makeRelease(t, "v"+version, "TZ=Asia/Tokyo", "GOAMD64=v3", "GOFLAGS=-buildvcs=true", "LC_ALL=C")
	name := "junction-refresh_" + version
	var files []string
	for file, content := range first {
		files = append(files, file)
		if !bytes.Equal(content, second[file]) {
			t.Errorf("%s differs", file)
		}
	}
	slices.Sort(files)
	if diff := cmp.Diff([]string{
		"SHA256SUMS", name + ".yaml", name + "_arm64.cdx.json", name + "_arm64.zip", name + "_x86_64.cdx.json", name + "_x86_64.zip",
	}, files); diff != "" {
		t.Fatal(diff)
	}
	for file, content := range first {
		if line := fmt.Sprintf("%x  %s\n", sha256.Sum256(content), file); file != "SHA256SUMS" && !strings.Contains(string(first["SHA256SUMS"]), line) {
			t.Errorf("SHA256SUMS does not have %s", line)
		}
	}
	for architecture, machine := range map[string]elf.Machine{"arm64": elf.EM_AARCH64, "x86_64": elf.EM_X86_64} {
		t.Run(architecture, func(t *testing.T) {
			checkFunction(t, version, machine, first[name+"_"+architecture+".zip"], first[name+"_"+architecture+".cdx.json"])
		})
	}
}

// checkFunction checks the zip of a release, and that the list of its components is complete.
func checkFunction(t *testing.T, version string, machine elf.Machine, zipped, list []byte) {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(zipped), int64(len(zipped)))
	if err != nil {
		t.Fatal(err)
	}
	if len(archive.File) != 1 || archive.File[0].Name != "bootstrap" || archive.File[0].Mode() != fs.FileMode(0o755) {
		t.Fatalf("the zip has %+v", archive.File)
	}
	bootstrap := must(io.ReadAll(must(archive.File[0].Open())))
	if binary := must(elf.NewFile(bytes.NewReader(bootstrap))); binary.Machine != machine {
		t.Errorf("the function is for %v", binary.Machine)
	}
	if !bytes.Contains(bootstrap, []byte(version)) {
		t.Errorf("the function has not the version %s", version)
	}
	built := must(buildinfo.Read(bytes.NewReader(bootstrap)))
	want := []string{"std@" + built.GoVersion}
	for _, module := range built.Deps {
		want = append(want, module.Path+"@"+module.Version)
	}
	sbom := harness.Decode[struct {
		Metadata struct {
			Component struct{ Version string }
		}
		SerialNumber string
		Components   []struct {
			Name, Version string
			Evidence      struct{ Licenses []any }
		}
	}](t, list)
	var got []string
	for _, component := range sbom.Components {
		got = append(got, component.Name+"@"+component.Version)
		if len(component.Evidence.Licenses) == 0 && component.Name != "std" { // which the tool does not look up
			t.Errorf("%s has no license", component.Name)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the modules of the function (-) and the listed ones (+) differ:\n%s", diff)
	}
	if sbom.Metadata.Component.Version != "v"+version || !strings.HasPrefix(sbom.SerialNumber, "urn:uuid:") {
		t.Errorf("the list is of version %q and has the number %q", sbom.Metadata.Component.Version, sbom.SerialNumber)
	}
}

func TestAReleaseNeedsAVersionOfTheChangelog(t *testing.T) {
	t.Parallel()
	for version, reason := range map[string]string{"99.0.0": "has no section 99.0.0", "031987a-dirty": "is not one of a release"} {
		command := exec.CommandContext(t.Context(), "go", "run", "./deploy/release", version, t.TempDir(), t.TempDir())
		command.Dir = root
		if out, err := command.CombinedOutput(); err == nil || !strings.Contains(string(out), reason) {
			t.Errorf("%s: %v: %s", version, err, out)
		}
	}
}

// packageRelease writes the files of a release to a folder, without building: both zips have this machine's function.
func packageRelease(t *testing.T, dir string) {
	t.Helper()
	built := t.TempDir()
	for _, architecture := range []string{"arm64", "x86_64"} {
		for file, content := range map[string][]byte{
			"bootstrap": must(os.ReadFile(harness.Bootstrap(t))), "sbom.json": []byte(`{"metadata": {"tools": [{}], "component": {}}}`),
		} {
			name := filepath.Join(built, architecture, file)
			if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	command := exec.CommandContext(t.Context(), "go", "run", "./deploy/release", newestVersion(t), built, dir)
	command.Dir = root
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// section returns the commands of a section of docs/install.md.
func section(t *testing.T, heading string) string {
	t.Helper()
	found := regexp.MustCompile("(?s)\n## " + heading + "\n.*?\n```sh\n(.*?)```").FindStringSubmatch(harness.ReadFile(t, "docs/install.md"))
	if found == nil {
		t.Fatalf("docs/install.md has no commands in %q", heading)
	}
	return found[1]
}

func TestTheCommandsOfInstallDeployARelease(t *testing.T) {
	t.Parallel()
	program(t, "aws")
	clone := newClone(t).onCloud(t)
	packageRelease(t, clone.dir)
	clone.junction = junctiontest.New(junctiontest.WithKeys(teamKey))
	junction, err := clone.junction.Start("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = junction.Close() })
	template := "junction-refresh_" + newestVersion(t) + ".yaml"
	clone.forMinistack(t, template)
	// ministack gives SAM's transform the defaults of the parameters in place of their values.
	clone.edit(t, template, "    Default: arm64\n", "    Default: "+harness.Arch+"\n")
	if err := os.WriteFile(filepath.Join(clone.dir, "secret.json"), must(json.Marshal(map[string]any{"api_key": teamKey})), 0o600); err != nil {
		t.Fatal(err)
	}
	arn := strings.TrimSpace(clone.run(t, "", "sh", "-ec", section(t, "The secret")))
	clone.run(t, "", "aws", "s3", "mb", "s3://files-of-releases")
	commands := section(t, "AWS CLI")
	for from, to := range map[string]string{
		"BUCKET=your-bucket":              "BUCKET=files-of-releases",
		"SECRET_ARN=arn-of-the-secret":    "SECRET_ARN=" + arn,
		`JunctionSecretArn="$SECRET_ARN"`: `JunctionSecretArn="$SECRET_ARN" CreateAlarms=false Architecture=` + harness.Arch + " JunctionBaseUrl=" + junction.URL(),
		"_arm64.zip":                      "_" + harness.Arch + ".zip",
	} {
		if !strings.Contains(commands, from) {
			t.Fatalf("the commands do not have %q", from)
		}
		commands = strings.ReplaceAll(commands, from, to)
	}
	if out := clone.run(t, "", "sh", "-ec", commands); !strings.Contains(out, "InvokeCommand") {
		t.Errorf("the outputs are %s", out)
	}
	invoke := clone.run(t, "", "aws", "cloudformation", "describe-stacks", "--stack-name", stackName,
		"--query", "Stacks[0].Outputs[?OutputKey=='InvokeCommand'].OutputValue", "--output", "text")
	if out := clone.run(t, "", "sh", "-c", invoke); !regexp.MustCompile(`"success": ?true`).MatchString(out) {
		t.Errorf("%s\nanswers %s", invoke, out)
	}
}

// parametersOf returns the parameters of a template, and whether each is required.
func parametersOf(t *testing.T, path string) map[string]bool {
	t.Helper()
	required := map[string]bool{}
	for name, parameter := range script[template](t, nil, "template.py", path, filepath.Join(root, "samconfig.toml")).Source.Parameters {
		required[name] = parameter.Default == nil
	}
	return required
}

// checkParameters checks what an example passes to the packaged template.
func checkParameters(t *testing.T, passed map[string]any) {
	t.Helper()
	dir := t.TempDir()
	packageRelease(t, dir)
	parameters := parametersOf(t, filepath.Join(dir, "junction-refresh_"+newestVersion(t)+".yaml"))
	for name := range passed {
		if _, found := parameters[name]; !found {
			t.Errorf("the template has no parameter %s", name)
		}
	}
	for name, required := range parameters {
		if _, found := passed[name]; required && !found {
			t.Errorf("%s is not passed", name)
		}
	}
}

func TestThePackagedTemplatePassesCfnLint(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	packageRelease(t, dir)
	name := filepath.Join(dir, "junction-refresh_"+newestVersion(t)+".yaml")
	command := exec.CommandContext(t.Context(), tool(t, ".tools/venv/bin/cfn-lint"), "--append-rules", "cfn_lint_serverless.rules", "--template", name)
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	// Of two releases the code has different names, which is how CloudFormation and SAM see that it has changed.
	if content := string(must(os.ReadFile(name))); !strings.Contains(content, `!Sub "junction-refresh_`+newestVersion(t)+`_${Architecture}.zip"`) {
		t.Error("the name of the code does not have the version")
	}
}

func TestThePackagedTemplateMakesTheSameStack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	packageRelease(t, dir)
	// template.py replaces where the code is, in both.
	packaged := script[template](t, nil, "template.py", filepath.Join(dir, "junction-refresh_"+newestVersion(t)+".yaml"), filepath.Join(root, "samconfig.toml")).Deployed
	own := readTemplate(t, "template.yaml").Deployed
	if diff := cmp.Diff([]any{own.Resources, own.Outputs, own.Mappings}, []any{packaged.Resources, packaged.Outputs, packaged.Mappings}); diff != "" {
		t.Errorf("template.yaml (-) and the packaged template (+) differ:\n%s", diff)
	}
}

func TestTheTerraformExampleCreatesTheStack(t *testing.T) {
	t.Parallel()
	type block = map[string]any
	var stack block
	for _, b := range script[block](t, nil, "hcl.py", filepath.Join(root, "examples", "terraform", "main.tf"))["resource"].([]any) {
		if s, found := b.(block)[`"aws_cloudformation_stack"`]; found {
			stack = s.(block)[`"junction_refresh"`].(block)
		}
	}
	checkParameters(t, stack["parameters"].(block))
	if diff := cmp.Diff([]any{`"CAPABILITY_IAM"`, `"CAPABILITY_AUTO_EXPAND"`}, stack["capabilities"]); diff != "" {
		t.Error(diff)
	}
	if _, err := exec.LookPath("terraform"); err == nil {
		command := exec.CommandContext(t.Context(), "terraform", "fmt", "-check", "-diff", filepath.Join(root, "examples", "terraform"))
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

func TestTheCDKExampleSynthesizesTheStack(t *testing.T) {
	t.Parallel()
	modules := filepath.Dir(tool(t, "test/node/node_modules/aws-cdk-lib"))
	dir := t.TempDir()
	packageRelease(t, dir)
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	// It has no types of its own, so Node.js runs it as it is.
	if err := os.WriteFile(filepath.Join(dir, "app.mjs"), []byte(harness.ReadFile(t, "examples/cdk/app.ts")), 0o600); err != nil {
		t.Fatal(err)
	}
	const arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:junction/team-key-a1b2c3"
	command := exec.CommandContext(t.Context(), program(t, "node"), "app.mjs")
	command.Dir = dir
	command.Env = append(os.Environ(), "CDK_OUTDIR="+filepath.Join(dir, "out"), `CDK_CONTEXT_JSON={"secretArn":"`+arn+`"}`)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	type nested struct {
		Type       string
		Properties struct {
			Parameters  map[string]any
			TemplateURL map[string]string
		}
	}
	stack := harness.Decode[struct{ Resources map[string]nested }](t, must(os.ReadFile(filepath.Join(dir, "out", "junction-refresh.template.json")))).Resources["Refresh"]
	checkParameters(t, stack.Properties.Parameters)
	if stack.Properties.Parameters["JunctionSecretArn"] != arn {
		t.Errorf("the parameters are %v", stack.Properties.Parameters)
	}
	// The files that `cdk deploy` uploads are those of the release, under the names that the stack refers to.
	for name, from := range map[string]string{
		stack.Properties.Parameters["CodeKey"].(string):        "junction-refresh_" + newestVersion(t) + "_arm64.zip",
		filepath.Base(stack.Properties.TemplateURL["Fn::Sub"]): "junction-refresh_" + newestVersion(t) + ".yaml",
	} {
		if !bytes.Equal(must(os.ReadFile(filepath.Join(dir, "out", "asset."+name))), must(os.ReadFile(filepath.Join(dir, from)))) {
			t.Errorf("%s is not %s", name, from)
		}
	}
}

func TestInstallAndItsExamplesAreOfTheNewestRelease(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"docs/install.md", "examples/terraform/main.tf", "examples/cdk/app.ts"} {
		found := regexp.MustCompile(`(?:junction-refresh_|v|VERSION=|release\s*= ")(\d+\.\d+\.\d+)`).FindAllStringSubmatch(harness.ReadFile(t, name), -1)
		if len(found) == 0 {
			t.Errorf("%s has no version", name)
		}
		for _, version := range found {
			if version[1] != newestVersion(t) {
				t.Errorf("%s has %s", name, version[0])
			}
		}
	}
}

// TestTheApplicationCanBePublished holds the rules of the Serverless Application Repository, as its API describes them.
func TestTheApplicationCanBePublished(t *testing.T) {
	t.Parallel()
	application := readTemplate(t, "template.yaml").Source.Metadata.Application
	for value, pattern := range map[string]string{
		application.Name:            `^[a-zA-Z0-9-]{1,140}$`,
		application.Description:     `^.{1,256}$`,
		application.Author:          `^[a-z0-9]([a-z0-9]|-[a-z0-9])*$`,
		application.SpdxLicenseID:   `^MIT$`,
		application.HomePageURL:     `^https://`,
		application.SourceCodeURL:   `^https://`,
		application.SemanticVersion: "^" + regexp.QuoteMeta(newestVersion(t)) + "$",
	} {
		if !regexp.MustCompile(pattern).MatchString(value) {
			t.Errorf("%q is not %s", value, pattern)
		}
	}
	for _, file := range []string{application.LicenseURL, application.ReadmeURL} {
		if info, err := os.Stat(filepath.Join(root, file)); file == "" || err != nil || info.Size() > 5<<20 {
			t.Errorf("%q: %v", file, err)
		}
	}
	if len(application.Labels) == 0 || len(application.Labels) > 10 {
		t.Errorf("%d labels", len(application.Labels))
	}
	for _, label := range application.Labels {
		if !regexp.MustCompile(`^[a-zA-Z0-9+_:/@-]{1,127}$`).MatchString(label) {
			t.Errorf("label %q", label)
		}
	}
}
