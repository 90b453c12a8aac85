# The home of a keyturn ring in AWS Secrets Manager: three empty secrets, a KMS key for them, and policies for
# nodes that only sign, nodes that take steps, and `keyturn init`, which fills the secrets.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = ">= 5.0" }
  }
}

variable "name" {
  description = "Name of the ring's secret. Those of the API tokens and of the KEK begin with it."
  type        = string
  default     = "auth/keyturn"
}

variable "issuer" {
  description = "The issuer of the ring, e.g. https://auth.example.com. The KEK is bound to it."
  type        = string
}

data "aws_region" "here" {}

resource "aws_kms_key" "keyturn" {
  description         = "Encrypts the secrets of a keyturn ring, and wraps its KEK."
  enable_key_rotation = true
  lifecycle { prevent_destroy = true }
}

resource "aws_secretsmanager_secret" "ring" {
  name        = var.name
  description = "A keyturn ring. Written by keyturn only."
  kms_key_id  = aws_kms_key.keyturn.arn
  lifecycle { prevent_destroy = true }
}

resource "aws_secretsmanager_secret" "api_tokens" {
  name        = "${var.name}-api-token-book"
  description = "The API tokens of a keyturn ring. Written by keyturn only."
  kms_key_id  = aws_kms_key.keyturn.arn
  lifecycle { prevent_destroy = true }
}

resource "aws_secretsmanager_secret" "kek" {
  name        = "${var.name}-kek"
  description = "The key-encryption key of a keyturn ring, wrapped by KMS."
  kms_key_id  = aws_kms_key.keyturn.arn
  lifecycle { prevent_destroy = true }
}

# For nodes that only sign: keyturn serve --steps off
data "aws_iam_policy_document" "signer" {
  statement {
    sid       = "ReadRing"
    actions   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
    resources = [aws_secretsmanager_secret.ring.arn, aws_secretsmanager_secret.api_tokens.arn]
  }
  statement {
    sid       = "ReadKek"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_secretsmanager_secret.kek.arn]
  }
  statement {
    sid       = "DecryptSecrets"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.keyturn.arn]
    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["secretsmanager.${data.aws_region.here.name}.amazonaws.com"]
    }
  }
  statement {
    sid       = "UnwrapKek"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.keyturn.arn]
    condition {
      test     = "StringEquals"
      variable = "kms:EncryptionContext:keyturn:ring"
      values   = [var.issuer]
    }
  }
}

# Beside it, for nodes that take steps, and for whoever runs keyturn init and commands.
data "aws_iam_policy_document" "ticker" {
  statement {
    sid       = "CommitToRing"
    actions   = ["secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"]
    resources = [aws_secretsmanager_secret.ring.arn, aws_secretsmanager_secret.api_tokens.arn]
  }
  statement {
    sid       = "EncryptSecrets"
    actions   = ["kms:GenerateDataKey"]
    resources = [aws_kms_key.keyturn.arn]
    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["secretsmanager.${data.aws_region.here.name}.amazonaws.com"]
    }
  }
}

# For keyturn init, and for who changes the KEK. It can be taken away afterwards.
data "aws_iam_policy_document" "init" {
  statement {
    sid       = "StoreKek"
    actions   = ["secretsmanager:PutSecretValue"]
    resources = [aws_secretsmanager_secret.kek.arn]
  }
  statement {
    sid       = "MakeKek"
    actions   = ["kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"]
    resources = [aws_kms_key.keyturn.arn]
    condition {
      test     = "StringEquals"
      variable = "kms:EncryptionContext:keyturn:ring"
      values   = [var.issuer]
    }
  }
}

resource "aws_iam_policy" "signer" {
  name_prefix = "keyturn-signer-"
  policy      = data.aws_iam_policy_document.signer.json
}

resource "aws_iam_policy" "ticker" {
  name_prefix = "keyturn-ticker-"
  policy      = data.aws_iam_policy_document.ticker.json
}

resource "aws_iam_policy" "init" {
  name_prefix = "keyturn-init-"
  policy      = data.aws_iam_policy_document.init.json
}

output "secret_id" { value = aws_secretsmanager_secret.ring.arn }
output "api_tokens_secret_id" { value = aws_secretsmanager_secret.api_tokens.arn }
output "kek_secret_id" { value = aws_secretsmanager_secret.kek.arn }
output "kms_key_id" { value = aws_kms_key.keyturn.arn }
output "signer_policy" { value = aws_iam_policy.signer.arn }
output "ticker_policy" { value = aws_iam_policy.ticker.arn }
output "init_policy" { value = aws_iam_policy.init.arn }
