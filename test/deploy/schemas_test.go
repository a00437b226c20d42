package deploy

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "write the published schemas to template.yaml")

type object = map[string]any

// publishedSchema is a schema of template.yaml's registry, and what it is made from.
type publishedSchema struct{ resource, file, detailType string }

var publishedSchemas = []publishedSchema{
	{"ResultSchema", "docs/result.schema.json", "Junction User Refresh Result"},
	{"ConnectionErrorSchema", "docs/connection-error.schema.json", "Junction Connection Error"},
}

// name is the detail-type as EventBridge writes it in the names of schemas.
func (s publishedSchema) name() string { return strings.ReplaceAll(s.detailType, " ", "") }

// document returns the event's OpenAPI description, in the form in which EventBridge describes events itself: the event
// is AWSEvent, and its detail has a component of its own.
func (s publishedSchema) document() object {
	var source object
	if err := json.Unmarshal(must(os.ReadFile(filepath.Join(root, s.file))), &source); err != nil {
		panic(err)
	}
	schemas := object{}
	schemas[s.name()] = (&converter{source: source, components: schemas}).convert(source)
	text := object{"type": "string"}
	schemas["AWSEvent"] = object{
		"type":                        "object",
		"required":                    []any{"version", "id", "source", "account", "time", "region", "resources", "detail-type", "detail"},
		"x-amazon-events-source":      "junction.refresh",
		"x-amazon-events-detail-type": s.detailType,
		"properties": object{
			"version": text, "id": text, "source": text, "account": text, "region": text, "detail-type": text,
			"time":      object{"type": "string", "format": "date-time"},
			"resources": object{"type": "array", "items": text},
			"detail":    object{"$ref": "#/components/schemas/" + s.name()},
		},
	}
	return object{"openapi": "3.0.0", "info": object{"title": s.name(), "version": "1.0.0"}, "paths": object{}, "components": object{"schemas": schemas}}
}

// converter turns a JSON Schema 2020-12 into a schema of OpenAPI 3.0, which has fewer keywords. What OpenAPI 3.0 cannot
// say is left out, so that the converted schema accepts all that the original accepts.
type converter struct {
	source     object // with the $defs
	components object // gets a component for each object in a list, so that code bindings have a type for it
}

func (c *converter) convert(schema object) object {
	if reference, ok := schema["$ref"].(string); ok {
		return c.convert(c.source["$defs"].(object)[strings.TrimPrefix(reference, "#/$defs/")].(object))
	}
	converted := object{}
	for keyword, value := range schema {
		switch keyword {
		case "type", "description", "required", "pattern", "format", "minimum", "maximum", "minLength", "uniqueItems", "enum":
			converted[keyword] = value
		case "const":
			converted["enum"] = []any{value}
		case "properties":
			properties := object{}
			for name, property := range value.(object) {
				properties[name] = c.named(name, c.convert(property.(object)))
			}
			converted["properties"] = properties
		case "items":
			converted["items"] = c.convert(value.(object))
		}
	}
	// Alternatives of one type, such as an ID or "", are that type.
	if alternatives, ok := schema["anyOf"].([]any); ok && converted["type"] == nil {
		converted["type"] = c.convert(alternatives[0].(object))["type"]
	}
	if values, ok := converted["enum"].([]any); ok && converted["type"] == nil {
		converted["type"] = map[bool]string{true: "boolean"}[values[0] == true]
		switch values[0].(type) {
		case string:
			converted["type"] = "string"
		case float64:
			converted["type"] = "integer"
		}
	}
	return converted
}

// named moves the objects in a list to a component, which it names for the list: those of sources are Source.
func (c *converter) named(list string, schema object) object {
	items, ok := schema["items"].(object)
	if !ok || items["type"] != "object" {
		return schema
	}
	name := strings.ToUpper(list[:1]) + strings.TrimSuffix(list[1:], "s")
	c.components[name] = items
	schema["items"] = object{"$ref": "#/components/schemas/" + name}
	return schema
}

func TestThePublishedSchemasAreThoseOfTheDocumentation(t *testing.T) {
	t.Parallel()
	if *update {
		updateSchemas(t)
		return
	}
	resources := readTemplate(t, "template.yaml").Source.Resources
	for _, s := range publishedSchemas {
		t.Run(s.file, func(t *testing.T) {
			t.Parallel()
			properties := resources[s.resource].Properties
			var got object
			if err := json.Unmarshal([]byte(properties["Content"].(string)), &got); err != nil {
				t.Fatal(err)
			}
			var want object // with the types that JSON has
			if err := json.Unmarshal([]byte(text(s.document())), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("run `go test ./test/deploy -run TestThePublishedSchemas -update`: %s", diff)
			}
			if want := "junction.refresh@" + s.name(); properties["SchemaName"] != want || properties["Type"] != "OpenApi3" {
				t.Errorf("the schema is %v, of type %v", properties["SchemaName"], properties["Type"])
			}
		})
	}
}

// updateSchemas writes the contents of the schemas to template.yaml.
func updateSchemas(t *testing.T) {
	path := filepath.Join(root, "template.yaml")
	template := string(must(os.ReadFile(path)))
	for _, s := range publishedSchemas {
		before, after, found := strings.Cut(template, "\n  "+s.resource+":\n")
		property, rest, hasContent := strings.Cut(after, "      Content: >-\n")
		_, rest, _ = strings.Cut(rest, "\n")
		if !found || !hasContent {
			t.Fatalf("template.yaml has no %s", s.resource)
		}
		template = before + "\n  " + s.resource + ":\n" + property + "      Content: >-\n        " + text(s.document()) + "\n" + rest
	}
	if err := os.WriteFile(path, []byte(template), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestThePublishedSchemasAreOpenAPI(t *testing.T) {
	t.Parallel()
	validator := tool(t, ".tools/venv/bin/openapi-spec-validator")
	for _, s := range publishedSchemas {
		path := filepath.Join(t.TempDir(), s.name()+".json")
		if err := os.WriteFile(path, []byte(text(s.document())), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), validator, "--schema", "3.0", path).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", s.name(), err, out)
		}
	}
}

// compile compiles a component of the document. The keywords of OpenAPI 3.0 that these schemas use are those of JSON
// Schema draft 4.
func (s publishedSchema) compile(t *testing.T, component string) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft4)
	compiler.AssertFormat()
	if err := compiler.AddResource("mem:event", must(jsonschema.UnmarshalJSON(strings.NewReader(text(s.document()))))); err != nil {
		t.Fatal(err)
	}
	return must(compiler.Compile("mem:event#/components/schemas/" + component))
}

// validateEvent reports whether an event is valid by the published schema of its detail-type.
func validateEvent(t *testing.T, event []byte) {
	t.Helper()
	var envelope struct {
		DetailType string `json:"detail-type"`
	}
	if err := json.Unmarshal(event, &envelope); err != nil {
		t.Fatal(err)
	}
	for _, s := range publishedSchemas {
		if s.detailType != envelope.DetailType {
			continue
		}
		schema := s.compile(t, "AWSEvent")
		if err := schema.Validate(must(jsonschema.UnmarshalJSON(bytes.NewReader(event)))); err != nil {
			t.Errorf("%v\n%s", err, event)
		}
		return
	}
	t.Errorf("%q has no published schema", envelope.DetailType)
}

func TestThePublishedSchemaRefusesWhatIsNoResult(t *testing.T) {
	t.Parallel()
	schema := publishedSchemas[0].compile(t, publishedSchemas[0].name())
	valid := object{
		"schema_version": 1.0, "success": true, "status": "completed", "final": true, "user_id": "", "refreshed_sources": []any{}, "in_progress_sources": []any{},
		"failed_sources": []any{}, "sources": []any{object{"provider": "oura", "resource": "sleep", "state": "refreshed"}}, "timeout_seconds": 0.0,
		"requested_timeout_seconds": 10.0, "upstream_status": 0.0, "attempts": 0.0, "duration_ms": 1.0, "coalesced": false, "request_id": "r",
		"completed_at": "2026-11-23T18:13:00Z", "a_later_field": object{},
	}
	if err := schema.Validate(valid); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]any{
		"status": "done", "final": "true", "schema_version": 2.0, "sources": []any{object{"provider": "oura"}}, "attempts": -1.0, "completed_at": "now", "truncated": false,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := maps.Clone(valid)
			changed[name] = value
			if schema.Validate(changed) == nil {
				t.Errorf("%v is accepted", value)
			}
		})
	}
}
