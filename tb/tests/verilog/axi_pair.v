// For the tests of the AXI agents: a register file on AXI4-Lite, and wires to play an AXI4 master by hand.
`default_nettype none

module axi_pair (
  input  wire        clk,
  input  wire        rst,
  input  wire        s_axil_awvalid,
  output wire        s_axil_awready,
  input  wire [11:0] s_axil_awaddr,
  input  wire        s_axil_wvalid,
  output wire        s_axil_wready,
  input  wire [31:0] s_axil_wdata,
  input  wire [3:0]  s_axil_wstrb,
  output reg         s_axil_bvalid,
  input  wire        s_axil_bready,
  output reg  [1:0]  s_axil_bresp,
  input  wire        s_axil_arvalid,
  output wire        s_axil_arready,
  input  wire [11:0] s_axil_araddr,
  output reg         s_axil_rvalid,
  input  wire        s_axil_rready,
  output reg  [31:0] s_axil_rdata,
  output reg  [1:0]  s_axil_rresp
);

  reg [31:0] regs [0:15];

  // Address and data of a write are taken together; addresses past the registers are errors.
  wire write = s_axil_awvalid & s_axil_wvalid & (~s_axil_bvalid);
  assign s_axil_awready = write;
  assign s_axil_wready = write;
  assign s_axil_arready = ~s_axil_rvalid;

  always @(posedge clk) begin
    if (rst) begin
      s_axil_bvalid <= 1'b0;
      s_axil_rvalid <= 1'b0;
    end else begin
      if (write) begin
        s_axil_bvalid <= 1'b1;
        s_axil_bresp <= (|s_axil_awaddr[11:6]) ? 2'd2 : 2'd0;
        if ((~(|s_axil_awaddr[11:6])) & (&s_axil_wstrb) & (~(|s_axil_awaddr[1:0])))
          regs[s_axil_awaddr[5:2]] <= s_axil_wdata;
      end else if (s_axil_bready) begin
        s_axil_bvalid <= 1'b0;
      end
      if (s_axil_arvalid & s_axil_arready) begin
        s_axil_rvalid <= 1'b1;
        s_axil_rresp <= (|{s_axil_araddr[11:6], s_axil_araddr[1:0]}) ? 2'd2 : 2'd0;
        s_axil_rdata <= regs[s_axil_araddr[5:2]];
      end else if (s_axil_rready) begin
        s_axil_rvalid <= 1'b0;
      end
    end
  end

endmodule

`default_nettype wire
