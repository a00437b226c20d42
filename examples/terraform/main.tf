# The stack of junction-refresh in Terraform: docs/install.md#terraform. The files of the release are next to this one.

terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "bucket" {
  description = "Name of your S3 bucket for the code and the template, in the region of the stack."
  type        = string
}

variable "secret_arn" {
  description = "ARN of the secret with the Junction team key."
  type        = string
}

locals {
  release = "0.1.0"
}

data "aws_s3_bucket" "release" {
  bucket = var.bucket
}

resource "aws_s3_object" "code" {
  bucket = var.bucket
  key    = "junction-refresh_${local.release}_arm64.zip"
  source = "${path.module}/junction-refresh_${local.release}_arm64.zip"
}

# A template of this size has to be in a bucket.
resource "aws_s3_object" "template" {
  bucket = var.bucket
  key    = "junction-refresh_${local.release}.yaml"
  source = "${path.module}/junction-refresh_${local.release}.yaml"
}

resource "aws_cloudformation_stack" "junction_refresh" {
  name         = "junction-refresh"
  template_url = "https://${data.aws_s3_bucket.release.bucket_regional_domain_name}/${aws_s3_object.template.key}"
  capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]

  parameters = {
    CodeBucket        = aws_s3_object.code.bucket
    CodeKey           = aws_s3_object.code.key
    JunctionSecretArn = var.secret_arn
  }

  timeouts {
    update = "2h" # the longest shift of DeploymentType takes 100 minutes
  }
}

# Every output of the template, for example junction_refresh["RefreshQueueUrl"].
output "junction_refresh" {
  value = aws_cloudformation_stack.junction_refresh.outputs
}
