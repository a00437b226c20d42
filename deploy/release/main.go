// Command release makes the files of a release from the built functions. `make release` runs it. The same sources and the
// same version of Go make the same bytes, on every machine.
//
//	release VERSION BUILT OUT
//
// BUILT has a folder per processor with the function (bootstrap) and its components (sbom.json). OUT gets a zip and a list
// of components per processor, the packaged template, and SHA256SUMS.
package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: release VERSION BUILT OUT")
		os.Exit(2)
	}
	if err := release(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// release writes the files of a release to out.
func release(version, built, out string) error {
	if err := checkVersion(version); err != nil {
		return err
	}
	name := "junction-refresh_" + version
	files := map[string][]byte{}
	for _, architecture := range []string{"arm64", "x86_64"} {
		bootstrap, err := os.ReadFile(filepath.Join(built, architecture, "bootstrap"))
		if err != nil {
			return err
		}
		if files[name+"_"+architecture+".zip"], err = zipped(bootstrap); err != nil {
			return err
		}
		components, err := os.ReadFile(filepath.Join(built, architecture, "sbom.json"))
		if err != nil {
			return err
		}
		if files[name+"_"+architecture+".cdx.json"], err = withoutMachine(components); err != nil {
			return fmt.Errorf("%s: %w", architecture, err)
		}
	}
	template, err := os.ReadFile("template.yaml")
	if err != nil {
		return err
	}
	if files[name+".yaml"], err = packaged(string(template), version); err != nil {
		return fmt.Errorf("template.yaml: %w", err)
	}
	files["SHA256SUMS"] = sums(files)
	if err := os.MkdirAll(out, 0o750); err != nil {
		return err
	}
	for file, content := range files {
		if err := os.WriteFile(filepath.Join(out, file), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// checkVersion returns an error unless the version can be a release: its changes are in the changelog.
func checkVersion(version string) error {
	if !regexp.MustCompile(`^\d+\.\d+\.\d+$`).MatchString(version) {
		return fmt.Errorf("the version %q is not one of a release; use make release VERSION=1.2.3", version)
	}
	changelog, err := os.ReadFile("CHANGELOG.md")
	if err != nil {
		return err
	}
	if !strings.Contains(string(changelog), "\n## "+version+" - ") {
		return fmt.Errorf("CHANGELOG.md has no section %s", version)
	}
	return nil
}

// zipped returns the archive that Lambda runs. Its time is that at which times in an archive begin. The compression is
// that of Go's own library, so that it is the same on every machine.
func zipped(bootstrap []byte) ([]byte, error) {
	var buffer bytes.Buffer
	archive := zip.NewWriter(&buffer)
	archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
	header.SetMode(0o755)
	file, err := archive.CreateHeader(header)
	if err != nil {
		return nil, err
	}
	if _, err := file.Write(bootstrap); err != nil {
		return nil, err
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}

// withoutMachine returns a list of components without what depends on the machine on which it was made: the hashes of the
// tool, and the license of this module, which the tool only finds once the version can be downloaded.
func withoutMachine(components []byte) ([]byte, error) {
	var list map[string]any
	decoder := json.NewDecoder(bytes.NewReader(components))
	decoder.UseNumber()
	if err := decoder.Decode(&list); err != nil {
		return nil, err
	}
	metadata, _ := list["metadata"].(map[string]any)
	tools, _ := metadata["tools"].([]any)
	function, _ := metadata["component"].(map[string]any)
	if len(tools) != 1 || function == nil {
		return nil, fmt.Errorf("the list of components has %d tools and the function %v", len(tools), function)
	}
	delete(tools[0].(map[string]any), "hashes")
	delete(function, "evidence")
	function["licenses"] = []any{map[string]any{"license": map[string]any{"id": "MIT"}}}
	// GitHub attests only lists with a serial number, which tools take at random.
	content, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	list["serialNumber"] = uuid.NewSHA1(uuid.NameSpaceURL, content).URN()
	written, err := json.MarshalIndent(list, "", "  ")
	return append(written, '\n'), err
}

// packaged returns the template for users who build nothing: the code is in a bucket of theirs. The name of the code has
// the version, so that SAM publishes a new version of the function for each release.
func packaged(template, version string) ([]byte, error) {
	for _, change := range [][2]string{
		{"    ParameterGroups:\n", `    ParameterGroups:
      - Label: { default: The code }
        Parameters: [CodeBucket, CodeKey]
`},
		{"\nParameters:\n", `
Parameters:
  # The code

  CodeBucket:
    Type: String
    Description: >-
      Your S3 bucket with the code, in the region of the stack.
    AllowedPattern: ^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$
    ConstraintDescription: must be the name of a bucket.

  CodeKey:
    Type: String
    Description: >-
      Key of the code in the bucket. Empty for the name of the release's zip for the processor, without a prefix. A key must
      be another one for each release, because CloudFormation does not look into the bucket.
    Default: ""

`},
		{"\nConditions:\n", `
Conditions:
  HasCodeKey: !Not [!Equals [!Ref CodeKey, ""]]
`},
		{`
      BuildMethod: makefile # the Makefile's target build-RefreshFunction
      ContextPath: !Sub deploy/${Architecture} # the Makefile that builds for this processor
`, "\n"},
		{"\n      CodeUri: .\n", `
      CodeUri:
        Bucket: !Ref CodeBucket
        Key: !If [HasCodeKey, !Ref CodeKey, !Sub "junction-refresh_` + version + `_${Architecture}.zip"]
`},
		{`
      Processor of the function, which ` + "`sam build`" + ` builds for. Give ` + "`sam build` and `sam deploy`" + ` the same value, best in
      samconfig.toml, which both read. arm64 is cheaper; x86_64 is for ` + "`sam local`" + ` on an Intel or AMD laptop.
`, `
      Processor of the function, which is part of the name of its zip. arm64 is cheaper.
`},
	} {
		if strings.Count(template, change[0]) != 1 {
			return nil, fmt.Errorf("found %d times and not once: %s", strings.Count(template, change[0]), strings.TrimSpace(change[0]))
		}
		template = strings.Replace(template, change[0], change[1], 1)
	}
	return []byte(template), nil
}

// sums returns the checksums in the form of sha256sum.
func sums(files map[string][]byte) []byte {
	var lines bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&lines, "%x  %s\n", sha256.Sum256(files[name]), name)
	}
	return lines.Bytes()
}
