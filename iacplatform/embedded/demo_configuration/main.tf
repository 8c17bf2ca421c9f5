# A small shop, made of terraform_data: real resources that need no provider and no cloud.

variable "environment" {
  type        = string
  description = "Where the shop runs"
}

variable "regions" {
  type        = map(number)
  description = "Region to number of servers"
}

variable "database_password" {
  type      = string
  sensitive = true
}

resource "terraform_data" "network" {
  input = "shop-${var.environment}"

  provisioner "local-exec" {
    command = "sleep 0.6; echo network shop-${var.environment} is up"
  }
}

resource "terraform_data" "server" {
  for_each = var.regions
  input = {
    region  = each.key
    size    = each.value
    network = terraform_data.network.id
  }

  provisioner "local-exec" {
    command = "sleep 0.8; echo ${each.value} servers in ${each.key} are up"
  }
}

resource "terraform_data" "database" {
  input = {
    network  = terraform_data.network.id
    password = var.database_password
  }

  provisioner "local-exec" {
    command     = "sleep 1; echo database accepts the password $PASSWORD"
    environment = { PASSWORD = nonsensitive(var.database_password) }
  }
}

module "frontend" {
  source   = "./modules/service"
  name     = "frontend"
  replicas = 2
  depends_on = [terraform_data.server]
}

output "address" {
  value = "https://${terraform_data.network.output}.example.com"
}

output "replicas" {
  value = module.frontend.replicas
}

output "database" {
  value     = terraform_data.database.output
  sensitive = true
}
