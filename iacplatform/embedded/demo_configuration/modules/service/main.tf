variable "name" {
  type = string
}

variable "replicas" {
  type = number
}

resource "terraform_data" "replica" {
  count = var.replicas
  input = "${var.name}-${count.index}"

  provisioner "local-exec" {
    command = "sleep 0.4; echo ${var.name}-${count.index} answers"
  }
}

output "replicas" {
  value = terraform_data.replica[*].output
}
